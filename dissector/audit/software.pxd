cimport cython
from dissector.activity.profile cimport Profile

@cython.locals(profile=Profile)
cpdef client_software(profiles)
cdef _of_client(Profile profile)
