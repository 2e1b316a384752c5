cimport cython
from dissector.connections.record cimport ConnectionRecord

cdef class Profile:
    cdef readonly bint bridge
    cdef public bint clean
    cdef public str client_id
    cdef readonly str client_ip
    cdef readonly str client_mac
    cdef readonly int client_port
    cdef readonly object code
    cdef readonly bint complete
    cdef readonly tuple connack_properties
    cdef public long long count
    cdef readonly long long recent
    cdef readonly long long period
    cdef readonly object extra
    cdef public long long first_ns
    cdef readonly str forwarded
    cdef readonly tuple forwarders
    cdef public str host
    cdef readonly int keep_alive
    cdef public long long last_ns
    cdef readonly bint login_possible
    cdef public str method
    cdef public str path
    cdef readonly tuple properties
    cdef readonly int protocol_level
    cdef public str secret
    cdef readonly bint served
    cdef readonly str server_ip
    cdef readonly str server_mac
    cdef readonly int server_port
    cdef readonly bint silent
    cdef public tuple streams
    cdef public object tls
    cdef public str transport
    cdef readonly str username
    cdef public object version
    cdef readonly tuple will
    cpdef long long used_count(self) except -1
    cpdef describe(self, ConnectionRecord record)
    cpdef add(self, capture, long long stream, long long period)

@cython.locals(profile=Profile)
cpdef Profile profile_of(ConnectionRecord record, long long now)
