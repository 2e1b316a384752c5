cimport cython
from dissector.connections.connection cimport Connection
from dissector.connections.handshake cimport Handshake
from dissector.model cimport Classification, Endpoint, Finding, FrameRef
from dissector.mqtt.packets.packet cimport Packet
from dissector.rules.failure cimport Failure

cdef unsigned long long _WITH_FINDING, _WEBSOCKET, _CONNECT, _CONNACK
cdef long long _FREE_FINDINGS, _FINDING_BYTES, _CLASSIFICATIONS_KEPT, STREAMS_LISTED
cdef int _MALFORMED_CONNECT, _VIOLATION, _HEADER_FLAGS
cdef object _V3_1_1, _V5_0, _INFO, _ERROR, _MUST, _PROVEN
cdef dict _CONNECT_CAUSES
cdef frozenset _HEADER_FLAGS_DEFECTS

cdef class NotEvaluatedCount:
    cdef long long count
    cdef list streams

cdef class IndexedRule:
    cdef readonly object rule
    cdef readonly str id
    cdef readonly str name
    cdef object check
    cdef unsigned long long asks
    cdef int causes
    cdef readonly bint of_audit
    cdef bint of_connection
    cdef unsigned long long about
    cdef object severity
    cdef object obligation
    cdef object confidence
    cdef object side
    cdef bint either
    cdef bint malformed
    cdef tuple statements
    cdef str section
    cdef list classifications
    cdef bint selected
    cdef bint off
    cdef dict unevaluated
    @cython.locals(statements=tuple, section=str, known=Classification, made=Classification)
    cdef Classification classification(self, Failure failure, version)

cdef class Asked:
    cdef list rules
    cdef unsigned long long bits
    cpdef add(self, IndexedRule entry)
    cpdef count(self, Asked other)

cdef class Judge:
    cdef public object capture
    cdef object _found
    cdef dict _unevaluated
    cdef dict _consumers
    cdef dict _handshake
    cdef dict _connection
    cdef dict _last
    cdef Asked _activity
    cdef Asked _tls_connection
    cdef dict _by_version
    @cython.locals(entry=IndexedRule)
    cdef _index(self, IndexedRule entry, version)
    @cython.locals(known=Py_ssize_t, index=Py_ssize_t, entry=IndexedRule)
    cpdef defects(self, Connection connection, Packet packet, side)
    @cython.locals(entry=IndexedRule)
    cdef _unknown_version(self, defect, Connection connection)
    @cython.locals(asked=Asked, flags=cython.ulonglong)
    cpdef handshake(self, Connection connection)
    @cython.locals(asked=Asked, entry=IndexedRule, flags=cython.ulonglong)
    cpdef connection(self, Connection connection)
    cpdef activity(self, context, unsigned long long event)
    @cython.locals(asked=Asked)
    cpdef tls_connection(self, context)
    @cython.locals(counted=NotEvaluatedCount)
    cpdef not_evaluated(self)
    @cython.locals(entry=IndexedRule)
    cdef _ask(self, Asked asked, record, context, unsigned long long bits, int causes)
    @cython.locals(asked=Asked, entry=IndexedRule, known=cython.bint)
    cdef _skip_by_version(self, dict lists, Connection connection, unsigned long long flags)
    @cython.locals(asked=Asked, entry=IndexedRule)
    cpdef not_judged(self, Connection connection, Packet packet)
    @cython.locals(entry=IndexedRule, seen=cython.ulonglong, flags=cython.ulonglong)
    cdef _skip_unseen(self, Connection connection, str reason)
    @cython.locals(failure=Failure)
    cdef _settle(self, IndexedRule entry, record, verdict)
    @cython.locals(connection=Connection)
    cdef _add(self, IndexedRule entry, record, Finding finding)
    cdef _keep(self, IndexedRule entry, Connection connection, Finding finding)
    @cython.locals(entry=IndexedRule)
    cdef _reconsider(self, Connection connection)
    @cython.locals(connection=Connection, counted=NotEvaluatedCount)
    cdef _skip(self, IndexedRule entry, str reason, record)

@cython.locals(causes=cython.int, finding=Finding, about=Classification)
cdef int _causes(Connection connection) except -1
@cython.locals(about=Classification)
cdef _add_malformed(Connection connection, Packet packet, Finding finding)
@cython.locals(first=FrameRef, second=FrameRef)
cdef tuple _in_order(tuple frames)
@cython.locals(connection=Connection, at=FrameRef, packet=Packet, made=Finding)
cdef Finding _finding(IndexedRule entry, record, Failure failure)
