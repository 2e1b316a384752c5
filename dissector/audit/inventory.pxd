cimport cython
from dissector.audit.grouping cimport Group
from dissector.audit.posture cimport device_posture, server_posture, without_decrypted
from dissector.audit.software cimport client_software
from dissector.audit.tally cimport Faults, Tally, tally_of
from dissector.audit.login_methods cimport login_method
from dissector.activity.profile cimport Profile

@cython.locals(
    profile=Profile,
    tally=Tally,
    count=cython.longlong,
    used=cython.longlong,
    connections=cython.longlong,
    identified=cython.longlong,
    accepted=cython.longlong,
    refused=cython.longlong,
    unanswered=cython.longlong,
    takeovers=cython.longlong,
    last_ns=cython.longlong,
    own_mac=cython.bint,
    everything=list,
    evidence=list,
    its_macs=tuple,
    its_addresses=tuple,
    its_ids=tuple,
)
cdef _device(long long number, Group group, Faults faults, dict holders)
@cython.locals(faults=Faults, found=Faults, profile=Profile, tally=Tally)
cdef Faults _faults(list profiles, side)
@cython.locals(group=Group, profile=Profile)
cpdef dict holders(list groups)
cpdef str server_name(Profile profile)
cdef _count(dict counts, key, long long count)
cdef _version(Profile profile)
@cython.locals(
    profile=Profile,
    first=Profile,
    tally=Tally,
    count=cython.longlong,
    used=cython.longlong,
    connections=cython.longlong,
    accepted=cython.longlong,
    refused=cython.longlong,
    unanswered=cython.longlong,
    last_ns=cython.longlong,
    accepted_profiles=list,
)
cdef _server(long long number, list profiles, Faults faults, dict visitors)
cdef str _name(tuple ids, tuple macs, tuple addresses)
@cython.locals(registered=list)
cdef tuple _vendor(tuple macs)
cdef list _evidence(dict macs, dict addresses, dict named, dict ids, dict users, bint own_mac)
cdef _add_evidence(list made, str kind, dict counts, str reason)
@cython.locals(profile=Profile)
cdef list _secrets(list profiles, dict holders)
@cython.locals(profile=Profile)
cdef list _hellos(list profiles)
@cython.locals(profile=Profile, clean=cython.longlong, kept=cython.longlong)
cdef _session(list profiles)
cdef tuple _wills(dict wills)
cdef tuple _numbers(Faults faults)
