cimport cython
from dissector.connections.profile cimport Profile

@cython.locals(profile=Profile)
cpdef client_software(profiles)
cdef _of_client(Profile profile)
