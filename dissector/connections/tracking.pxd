cdef class Tracking:
    cdef public object listener
    cdef public list files
    cdef public frozenset ports
    cdef public bint keep_all
    cdef public long long[::1] counts
    cdef public long long mqtt_connections
    cdef public long long handshakes
    cdef public dict other
    cdef public dict _endpoints
    cdef public dict _accepted
    cpdef frame(self, long long key, long long time_ns)
    cpdef endpoint(self, bytes ip, int port, bytes mac)
    cpdef accepts(self, server, version)
    cpdef accepted(self, server)
    cpdef other_traffic(self, str kind)
