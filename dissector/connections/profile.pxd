cimport cython
from dissector.connections.connection cimport Connection
from dissector.model cimport Endpoint
from dissector.mqtt.packets cimport Connack, Connect

cdef class Profile:
    cdef public bint bridge
    cdef public bint clean
    cdef public str client_id
    cdef public str client_ip
    cdef public str client_mac
    cdef public int client_port
    cdef public object code
    cdef public bint complete
    cdef public tuple connack_properties
    cdef public long long count
    cdef public object extra
    cdef public long long first_ns
    cdef public str forwarded
    cdef public tuple forwarders
    cdef public str host
    cdef public int keep_alive
    cdef public long long last_ns
    cdef public str method
    cdef public str path
    cdef public tuple properties
    cdef public int protocol_level
    cdef public str secret
    cdef public str server_ip
    cdef public str server_mac
    cdef public int server_port
    cdef public list streams
    cdef public object tls
    cdef public str transport
    cdef public str username
    cdef public object version
    cdef public tuple will
    cpdef note(self, long long stream)

cpdef tuple carried(connection)
@cython.locals(client=Endpoint)
cpdef tuple client_place(connection)

