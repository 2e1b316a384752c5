from dissector.connections.profile cimport Profile

cpdef str way_in(Profile profile)
