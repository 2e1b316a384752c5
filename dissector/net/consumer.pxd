cdef class FirstPayload:
    cpdef str judge(self, bytes window, Py_ssize_t start, Py_ssize_t stop, long long ports, bint lost)
    cpdef dismissed(self, str kind, int port)
    cpdef bint serves(self, bytes one, bytes other, bint midstream) except -1

cdef class Consumer:
    cpdef bint chunk(self, int side, bytes window, Py_ssize_t start, Py_ssize_t stop, long long frame, long long time_ns) except -1
    cpdef bint gap(self, int side, long long missing, long long frame, long long time_ns, str reason) except -1
    cpdef bint closed(self, int side, int how, long long frame, long long time_ns) except -1
    cpdef capture_ends(self)
    cpdef bint finished(self, int reason, long long time_ns) except -1
