from dissector.connections.profile cimport Profile

cpdef str login_method(Profile profile)
