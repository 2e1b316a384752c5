cimport cython
from dissector.audit.tally cimport Faults
from dissector.connections.profile cimport Profile

@cython.locals(
    profile=Profile,
    item=Profile,
    connected=cython.int,
    opaque=cython.int,
    accepted=cython.int,
    count=cython.longlong,
    opaque_count=cython.longlong,
    certified=cython.bint,
    authenticated=cython.bint,
    unique=cython.bint,
    secret=cython.bint,
    standard=cython.bint,
    identified=cython.bint,
)
cpdef device_posture(list everything, Faults faults, dict holders)
@cython.locals(item=Profile)
cpdef list without_decrypted(list profiles)
@cython.locals(profile=Profile, item=Profile, count=cython.longlong)
cdef list _encryption(list profiles, list everything, Faults faults, str text)
cdef _posture(Faults faults, list right, list unseen)
