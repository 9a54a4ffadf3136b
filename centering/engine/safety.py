"""Who may talk to the workers of a run, and whether they see the files that the command sees."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from os import fspath
from pathlib import Path
from typing import Any

from centering.io.identity import Stamp, stamp
from centering.io.particles import Particles
from centering.sentence import Sentence

__all__ = ["Certificates", "check_stamps", "located", "own_certificates", "security_for", "unguarded"]

_SAME = "give the workers the same files under the same names"


@dataclass(frozen=True)
class Certificates:
    """The three files with which a client and a scheduler know each other.

    Attributes
    ----------
    ca, cert, key : str
        Paths of PEM files: the authority that has signed everybody's certificate, our certificate, and its key.
    """

    ca: str
    cert: str
    key: str

    def security(self) -> Any:
        """Return what Dask asks for; FileNotFoundError or ValueError for a file that is not there, or is another."""
        import ssl

        from distributed import Security

        for path in (self.ca, self.cert, self.key):
            with Path(path).open("rb"):  # what ssl says of a file that is not there does not name it
                pass
        try:
            ssl.create_default_context(cafile=self.ca).load_cert_chain(self.cert, self.key)
        except ssl.SSLError as error:
            raise ValueError(
                f"{self.ca!r}, {self.cert!r} and {self.key!r} are not an authority, a certificate and its key in PEM: "
                f"{error.reason or error}"
            ) from None
        return Security(
            tls_ca_file=self.ca, tls_client_cert=self.cert, tls_client_key=self.key, require_encryption=True
        )  # type: ignore[no-untyped-call]


def own_certificates() -> Any | None:
    """Return certificates for the workers of one run, which exist in memory only; None where they cannot be made."""
    from distributed import Security

    try:
        return Security.temporary()  # type: ignore[no-untyped-call]
    except ImportError:
        return None


def security_for(scheduler: str, certificates: Certificates | None) -> Any | None:
    """Return what Dask needs to talk to a scheduler: the given certificates, or those of its configuration."""
    from distributed import Security

    if certificates is not None:
        return certificates.security()
    if not scheduler.startswith("tls://"):
        return None
    configured = Security()  # type: ignore[no-untyped-call]
    if configured.get_connection_args("client").get("ssl_context") is None:  # type: ignore[no-untyped-call]
        raise ValueError(Sentence("the scheduler {it!r} asks for certificates; give {certificates}", it=scheduler))
    return configured


def unguarded(scheduler: str) -> str:
    """Return what to tell a user who goes to a scheduler without TLS, empty where it has TLS."""
    if scheduler.startswith("tls://"):
        return ""
    return Sentence(
        "the scheduler {it} does not ask who is there: whoever reaches it can run programs as you; "
        "use TLS (tls://..., and {certificates})",
        it=scheduler,
    )


def located(particles: Particles) -> Particles:
    """Return the particles with stacks whose names mean the same in every folder."""
    return replace(particles, stacks=tuple(stack.located() for stack in particles.stacks))


def check_stamps(particles: Particles, expected: Mapping[Path, Stamp]) -> None:
    """Raise FileNotFoundError or ValueError where this process, on whatever machine, sees other stacks."""
    for path in particles.files[1:]:
        name = fspath(path)
        try:
            found = stamp(path)
        except FileNotFoundError:
            raise FileNotFoundError(f"the worker on {socket.gethostname()} has no file {name!r}; {_SAME}") from None
        for what, theirs, ours in zip(("size", "time of change", "header"), found, expected[path], strict=True):
            if theirs != ours:
                raise ValueError(
                    f"{name!r} is another file for the worker on {socket.gethostname()}, or has just changed: its "
                    f"{what} is {theirs}, not {ours}; {_SAME}"
                )
