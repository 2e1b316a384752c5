from dissector.activity.profile cimport Profile

cpdef str login_method(Profile profile)
