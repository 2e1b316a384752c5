cimport cython
from dissector.connections.connection cimport CloseEvent
from dissector.connections.record cimport ConnectionRecord
from dissector.activity.context cimport AuditContext
from dissector.activity.profile cimport Profile

cdef class RuleCount:
    cdef readonly str rule
    cdef readonly str name
    cdef readonly long long rank
    cdef readonly long long count
    cdef readonly tuple numbers

cdef class Faults:
    cdef readonly tuple counts
    cpdef add(self, long long number, str rule, str name, severity)
    @cython.locals(item=RuleCount)
    cpdef merge(self, Faults other)
    @cython.locals(item=RuleCount)
    cpdef bint has(self, number, str rule) except -1
    @cython.locals(item=RuleCount)
    cpdef tuple rules(self)
    @cython.locals(item=RuleCount)
    cpdef bint of(self, frozenset rules) except -1
    @cython.locals(known=RuleCount, new=tuple)
    cdef _add(self, str rule, str name, long long rank, long long count, tuple numbers)

cdef class Tally:
    cdef readonly long long accepted
    cdef readonly long long refused
    cdef readonly long long unanswered
    cdef readonly long long takeovers
    cdef public long long last_ns
    cdef readonly Faults client_faults
    cdef readonly Faults server_faults
    cdef readonly frozenset suppressed
    cpdef Faults faults(self, side)
    cpdef bint has_finding(self, frozenset rules) except -1

cdef class Tallies:
    cdef readonly long long findings
    cdef readonly dict shared
    cdef dict _pending
    cdef dict _suppressed
    cpdef finding(self, finding)
    cpdef suppress(self, finding)
    @cython.locals(profile=Profile, tally=Tally, connection=ConnectionRecord, event=CloseEvent, last=cython.longlong)
    cpdef ended(self, context)
    cdef _assign(self, Tally tally, tuple place)

cpdef Tally tally_of(Profile profile)
