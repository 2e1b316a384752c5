cimport cython
from dissector.audit.tally cimport Faults, Tally, tally_of
from dissector.activity.profile cimport Profile

cdef object _V3_1_1, _V5_0

@cython.locals(known=tuple, seen=list)
cpdef device_posture(
    list everything, Faults faults, dict holders, frozenset checked, totals
)
@cython.locals(
    tally=Tally, client=Faults, server=Faults, accepted=cython.bint, own_id=cython.bint,
    own_secret=cython.bint
)
cdef tuple _facts(Profile profile, dict holders)
@cython.locals(
    profile=Profile,
    accepted=cython.longlong,
    opaque=cython.longlong,
    missing=cython.longlong,
    total=cython.longlong,
)
cdef tuple _right_of_device(list everything, dict holders, frozenset checked, list seen)
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
cdef _posture(Faults faults, tuple right, tuple unseen)
