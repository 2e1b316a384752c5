cimport cython
from dissector.activity.profile cimport Profile

cdef class Group:
    cdef readonly list profiles
    cdef readonly object kind
    cdef readonly str reason
    cdef readonly long long first_ns

@cython.locals(first=cython.longlong, profile=Profile)
cpdef long long first_ns(list profiles) except? -1
@cython.locals(profile=Profile, everything=list)
cpdef list grouped(profiles)
@cython.locals(profile=Profile)
cdef set _routers(list profiles)
@cython.locals(profile=Profile, ip=str, bridge=cython.bint, server=cython.bint, accepted=list)
cdef list _split(list members, bint routed, set servers)
@cython.locals(profile=Profile)
cdef _ids_at_once(list profiles)
