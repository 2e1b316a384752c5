from dissector.model cimport Endpoint

cdef class KnownServer:
    cdef readonly Endpoint endpoint
    cdef public bytes mac
    cdef public long long last_seen_ns
    cdef public bint bytes_missing
