"""The options of a MongoDB connection string: which there are, and what they say of TLS.

The driver takes no TLS where none is asked for, and warns of an option that it does not know or understand: so that
`tsl=true` sends the password to whoever answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from flows.model.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_UNPROVEN = ("tlsInsecure", "tlsAllowInvalidCertificates", "tlsAllowInvalidHostnames")
_TRUTHS = {name.lower() for name in ("tls", "ssl", *_UNPROVEN, "tlsDisableOCSPEndpointCheck")}
_REPEATED = {"readpreferencetags"}
_GIVES_SECRETS = {"PLAIN", "MONGODB-OIDC"}
"""Mechanisms that send the server what it may sign in with itself."""
NAMES = (
    *("tls", "ssl", "tlsCAFile", "tlsCertificateKeyFile", "tlsCertificateKeyFilePassword", "tlsCRLFile"),
    *(*_UNPROVEN, "tlsDisableOCSPEndpointCheck"),
    *("authSource", "authMechanism", "authMechanismProperties", "appName", "replicaSet", "directConnection"),
    *("loadBalanced", "readPreference", "readPreferenceTags", "maxStalenessSeconds", "readConcernLevel"),
    *("localThresholdMS", "connectTimeoutMS", "socketTimeoutMS", "serverSelectionTimeoutMS", "heartbeatFrequencyMS"),
    *("timeoutMS", "waitQueueTimeoutMS", "waitQueueMultiple", "maxPoolSize", "minPoolSize", "maxIdleTimeMS"),
    *("maxConnecting", "maxAdaptiveRetries", "enableOverloadRetargeting", "serverMonitoringMode"),
    *("compressors", "zlibCompressionLevel", "retryReads", "retryWrites", "w", "wTimeoutMS", "journal", "fsync"),
    *("srvServiceName", "srvMaxHosts", "srvAllowedHostsSuffix", "uuidRepresentation", "connect", "driver"),
    *("tz_aware", "datetime_conversion", "unicode_decode_error_handler", "server_api"),
)
"""As the driver documents them; it does not tell upper from lower case in them."""


def read(query: str, ours: Collection[str] = ()) -> dict[str, str]:
    """Return the values of a connection string's options by their names in lower case.

    Args:
        query: what stands behind its `?`.
        ours: options that are none of the driver's.

    Raises:
        ValueError: one is unknown, stands twice, or says of TLS what cannot be understood; never shows a value.
    """
    if ";" in query:
        raise ValueError("its options are separated by &, and a ; in a value is written %3B.")
    known = {name.lower() for name in (*NAMES, *ours)}
    values: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        lower = name.lower()
        if lower not in known:
            hint = did_you_mean(name, [*NAMES, *ours]) or " It takes those of the driver, such as tlsCAFile."
            raise ValueError(f"'{name}' is not an option.{hint}")
        if lower in values and lower not in _REPEATED:
            raise ValueError(f"option {name} stands there twice.")
        if lower in _TRUTHS and value not in {"true", "false"}:
            raise ValueError(f"option {name} is neither true nor false.")
        values[lower] = value
    if len({values[name] for name in ("tls", "ssl") if name in values}) > 1:
        raise ValueError("options tls and ssl are one, and say different things.")
    if _mechanism(values) in _GIVES_SECRETS and weakness(values):
        raise ValueError(
            f"authMechanism {_mechanism(values)} gives the server what opens the database, so that TLS has to prove "
            "which server it is: take tls=false and tlsInsecure and their like out."
        )
    return values


def uses_tls(values: Mapping[str, str]) -> bool:
    """Say whether the connection is encrypted: unless it is told not to be."""
    return values.get("tls", values.get("ssl")) != "false"


def weakness(values: Mapping[str, str]) -> str | None:
    """Say what somebody in between may do, and by which option; None: nothing."""
    if not uses_tls(values):
        return "is not encrypted: whoever is in between can read and change what is copied (tls=false)"
    for name in _UNPROVEN:
        if values.get(name.lower()) == "true":
            return f"is encrypted, but to whoever answers: the server need not show who it is ({name}=true)"
    return None


def _mechanism(values: Mapping[str, str]) -> str:
    return values.get("authmechanism", "").upper()
