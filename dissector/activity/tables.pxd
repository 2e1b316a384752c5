cdef class ActivityTables:
    cdef readonly bytes key
    cdef readonly object profiles
    cdef readonly object hosts
    cdef readonly object clients
    cdef readonly object credentials
    cdef readonly object servers
    cdef readonly object stems
    cdef public object start_ns
    cdef readonly object _once
    cdef public object capture
    cdef readonly object limits
    cdef readonly long long period
    cpdef forget(self)
