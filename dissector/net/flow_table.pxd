cimport cython

from dissector.integers cimport IntegerArray
from dissector.net.segment cimport Segment

cdef int FREE, WAITING, UNWANTED, CLOSED, PROMOTED
cdef int LINGERING, BASED, STARTED, ENDED, SYN_SEEN, SYNACK_SEEN, UNREAD, IPV6, RECENT, MAC, KNOWN

cdef struct FlowEntry:  # 104 bytes
    unsigned long long addresses
    long long first_frame
    long long first_time_ns
    long long last_time_ns
    unsigned int ports
    int next
    int connection
    unsigned int stream
    unsigned int serial
    unsigned int base[2]
    unsigned int frames[2]
    unsigned int time_offset
    unsigned short flags
    unsigned short clock_steps
    unsigned short win[3]
    unsigned char mac[12]
    unsigned char kinds[3]
    unsigned char scales
    unsigned char state
    unsigned char held

@cython.final
cdef class FlowTable:
    cdef FlowEntry *entries
    cdef int *heads
    cdef unsigned char *pool
    cdef list plain
    cdef dict numbers
    cdef list freed
    cdef readonly long long limit
    cdef readonly Py_ssize_t count
    cdef Py_ssize_t used
    cdef Py_ssize_t capacity
    cdef int free_entry
    cdef Py_ssize_t hand
    cdef int bits
    cdef Py_ssize_t pool_used
    cdef Py_ssize_t pool_capacity
    cdef int free_address
    cdef readonly long long serial
    cdef unsigned long long multiplier_a
    cdef unsigned long long multiplier_b
    cdef unsigned long long multiplier_c
    cdef unsigned long long multiplier_d

    cdef FlowEntry *at(self, Py_ssize_t index) noexcept
    @cython.locals(pointer="const unsigned char *", ports=cython.ulonglong)
    cdef Py_ssize_t find(self, Segment s) except -2
    @cython.locals(size=cython.int)
    cdef int _check(self, Segment s) except -1
    @cython.locals(source=cython.ulonglong, destination=cython.ulonglong, turned=cython.ulonglong, forth=cython.ulonglong, back=cython.ulonglong, index=cython.longlong, entry="FlowEntry *")
    cdef Py_ssize_t find_ipv4(self, const unsigned char *pointer, Py_ssize_t at, unsigned long long ports) noexcept
    @cython.locals(turned=cython.ulonglong, index=cython.longlong, entry="FlowEntry *", own="const unsigned char *")
    cdef Py_ssize_t find_ipv6(self, const unsigned char *pointer, Py_ssize_t at, unsigned long long ports) noexcept
    @cython.locals(index=cython.Py_ssize_t, entry="FlowEntry *", pointer="const unsigned char *", own="unsigned char *", head=cython.Py_ssize_t, side=cython.int, size=cython.int, at=cython.Py_ssize_t, ports=cython.ulonglong, turned=cython.ulonglong, key=bytes)
    cdef Py_ssize_t add(self, Segment s) except -1
    @cython.locals(entry="FlowEntry *", link="int *")
    cdef remove(self, Py_ssize_t index)
    @cython.locals(entry="FlowEntry *", own="const unsigned char *", i=cython.int)
    cpdef bytes key(self, Py_ssize_t index)
    @cython.locals(entry="FlowEntry *", step=cython.Py_ssize_t)
    cdef Py_ssize_t longest_idle(self) except -2
    cpdef clear(self)

    cdef Py_ssize_t _head(self, unsigned long long x, unsigned long long y) noexcept
    cdef unsigned long long _fold(self, const unsigned char *pointer, Py_ssize_t at) noexcept
    @cython.locals(entry="FlowEntry *", own="const unsigned char *", source=cython.ulonglong, destination=cython.ulonglong)
    cdef Py_ssize_t _head_of(self, Py_ssize_t index) noexcept
    @cython.locals(index=cython.Py_ssize_t, size=cython.Py_ssize_t, made="int *", head=cython.Py_ssize_t)
    cdef _chain_anew(self, int bits)
    @cython.locals(capacity=cython.Py_ssize_t, made="FlowEntry *")
    cdef _allocate(self)
    @cython.locals(slot=cython.longlong, capacity=cython.Py_ssize_t, made="unsigned char *")
    cdef Py_ssize_t _pool_slot(self) except -1

@cython.final
cdef class PortCounter:
    cdef IntegerArray counts
    cdef list ports
    cdef add(self, int port)
    cpdef dict by_port(self)

@cython.locals(size=cython.Py_ssize_t, index=cython.Py_ssize_t, pointer="const unsigned char *")
cpdef bytes reversed_key(bytes key)
