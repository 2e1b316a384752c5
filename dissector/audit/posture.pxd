cimport cython
from dissector.audit.tally cimport Faults, tally_of
from dissector.activity.profile cimport Profile

@cython.locals(
    profile=Profile,
    accepted=cython.longlong,
    opaque=cython.longlong,
    missing=cython.longlong,
    total=cython.longlong,
)
cpdef device_posture(
    list everything, Faults faults, dict holders, frozenset checked, list seen
)
@cython.locals(
    profile=Profile,
    refused=cython.longlong,
    opaque=cython.longlong,
    missing=cython.longlong,
    total=cython.longlong,
)
cpdef server_posture(list everything, Faults faults, dict holders, frozenset checked)
@cython.locals(item=Profile)
cpdef list without_decrypted(list profiles)
@cython.locals(count=cython.longlong)
cdef list _right(
    tuple merits, list profiles, dict holders, frozenset checked, long long total, list seen
)
@cython.locals(profile=Profile, count=cython.longlong, holds=cython.longlong, violated=cython.bint)
cdef tuple _seen(merit, list profiles, dict holders, frozenset checked)
cdef _posture(Faults faults, list right, list unseen)
