"""Packets that many examples share, as steps of `Example`."""

from __future__ import annotations

# CONNECT with client id "a", a clean session, keep alive 60 s
CONNECT_31 = "C 10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61"
CONNECT_311 = "C 10 0d 00 04 4d 51 54 54 04 02 00 3c 00 01 61"
CONNECT_5 = "C 10 0e 00 04 4d 51 54 54 05 02 00 3c 00 00 01 61"
# 5.0 with the Authentication Method "M"
CONNECT_5_METHOD = "C 10 12 00 04 4d 51 54 54 05 02 00 3c 04 15 00 01 4d 00 01 61"

ACCEPTED_311 = "S 20 02 00 00"
ACCEPTED_5 = "S 20 03 00 00 00"
ACCEPTED_5_METHOD = "S 20 07 00 00 04 15 00 01 4d"
REFUSED_311 = "S 20 02 00 05"
REFUSED_5 = "S 20 03 00 87 00"

DISCONNECT = "C e0 00"
# how a connection ends well
GOODBYE = (DISCONNECT, "C FIN", "S FIN")
SERVER_CLOSES = ("S FIN", "C FIN")
CLIENT_CLOSES = ("C FIN", "S FIN")
