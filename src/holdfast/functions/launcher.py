"""Starts one function in its cage and stays beside it until it ends. Run as a program: `python -I -S launcher.py`.

Descriptor 0 is a socket to the server. The server sends one line of JSON (`Cage` as a dictionary); this program answers
with one line when the function ended (`{"status": 1}` or `{"signal": 9}`). When the server closes its end, or dies, by
whatever signal, everything of the function is killed: the kernel closes the socket of a dead process.

    server ── socket ── launcher ── keeper ── function ── whatever it starts
                                    (process  (its own user, or its own namespaces, or neither; limits; nothing inherited
                                    1 there)  but standard output and the environment that the server made)

What the function starts cannot escape: the launcher adopts orphans (PR_SET_CHILD_SUBREAPER), and kills by user where the
function has a user of its own, by process-id namespace where it has one.

No import of Holdfast, and few of the standard library: each costs time at every cold start.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:  # without `typing`, which costs milliseconds at every cold start
    from typing import Any

    Cage = dict[str, Any]

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
MS_NOSUID_NODEV = 2 | 4
MS_RDONLY = 1
MS_BIND = 4096
MS_REC_PRIVATE = 16384 | (1 << 18)
INSIDE = 1000
"""The user that the function is in its own user namespace."""
FAILED = 111
"""Exit status of a function that could not be started."""

_libc = ctypes.CDLL(None, use_errno=True)


def control(option: int, value: int) -> None:
    """prctl(2)."""
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")


def unshare(flags: int) -> None:
    if _libc.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    done = _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    if done != 0:
        raise OSError(ctypes.get_errno(), f"mount {kind}")


def enter_namespaces(cage: Cage) -> None:
    """Mount, IPC and process-id namespaces of its own, and a user namespace unless this is root's own work.

    The caller forks afterwards: the child is process 1 of the new namespace, and all die with it.
    """
    user, group = os.getuid(), os.getgid()
    own_user = cage["mode"] == "namespaces"
    unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWPID | (CLONE_NEWUSER if own_user else 0))
    if own_user:
        with open("/proc/self/setgroups", "w") as file:
            file.write("deny")
        for name, number in (("uid_map", user), ("gid_map", group)):
            with open(f"/proc/self/{name}", "w") as file:
                # Not 0 inside: whoever is root there could take the mounts away. Another user loses all rights with
                # execve.
                file.write(f"{INSIDE} {number} 1")
    mount("none", "/", "none", MS_REC_PRIVATE)
    for closed, needed in cage["opened"].items():
        open_folder(closed, needed)
    for folder in cage["hidden"]:
        mount("tmpfs", folder, "tmpfs", MS_NOSUID_NODEV | MS_RDONLY, "size=4k,mode=000")


def open_folder(closed: str, needed: list[str]) -> None:
    """Put an empty folder that everybody may pass in the place of `closed`, with nothing in it but what is needed."""
    kept = [(path, os.open(path, os.O_PATH | os.O_DIRECTORY)) for path in needed]
    mount("tmpfs", closed, "tmpfs", MS_NOSUID_NODEV, "size=64k,mode=755")
    for path, descriptor in kept:
        os.makedirs(path, mode=0o755, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", path, "none", MS_BIND)
        os.close(descriptor)


def limit(limits: dict[str, int]) -> None:
    """Both bounds of each limit, or what is allowed already where that is less."""
    for name, most in limits.items():
        number = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(number)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(number, (bound, bound))


def become(cage: Cage) -> None:
    """In the child: everything that must be so before the function's first instruction."""
    os.umask(0o077)
    limit(cage["limits"])
    if cage["mode"] == "user":
        os.setgroups([])
        os.setresgid(cage["group"], cage["group"], cage["group"])
        os.setresuid(cage["user"], cage["user"], cage["user"])
    control(PR_SET_NO_NEW_PRIVS, 1)
    # After the change of user, which clears it.
    control(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.chdir(cage["folder"])
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(1, 2)
    os.closerange(3, 1 << 20)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def start(cage: Cage) -> int:
    """The process id of the function, or of its keeper."""
    if not cage["apart"]:
        return launch(cage)
    enter_namespaces(cage)
    keeper = os.fork()
    if keeper == 0:
        try:
            keep(cage)
        finally:
            os._exit(0)
    return keeper


def launch(cage: Cage) -> int:
    """The process id of the function."""
    child = os.fork()
    if child == 0:
        try:
            become(cage)
            os.execve(cage["program"][0], cage["program"], cage["environment"])
        except BaseException as error:  # noqa: BLE001 - nothing may come back into the launcher's code
            os.write(1, f"the function could not be started: {error}\n".encode())
        os._exit(FAILED)
    return child


def keep(cage: Cage) -> None:
    """As process 1 of the new namespace: buries orphans, and takes everything along when the function ends.

    The function itself is not process 1, to which its own signals would do nothing.
    """
    control(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The old /proc shows the processes outside.
    mount("proc", "/proc", "proc", MS_NOSUID_NODEV)
    function = launch(cage)
    while True:
        process, status = os.waitpid(-1, 0)
        if process == function:
            report(status)
            return


def report(status: int) -> None:
    """Tell the server how the function ended."""
    name, number = ("signal", os.WTERMSIG(status)) if os.WIFSIGNALED(status) else ("status", os.WEXITSTATUS(status))
    try:
        os.write(0, f'{{"{name}": {number}}}\n'.encode())
    except OSError:
        pass


def sweep(cage: Cage, child: int) -> None:
    """Kill whatever is left of the function."""
    if cage["mode"] == "user" and not cage["apart"]:
        kill_user(cage["user"], cage["group"])
    for process in {child, *children()}:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                # Somebody is dying, or was just adopted.
                for process in children():
                    try:
                        os.kill(process, signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                os.waitpid(-1, 0)
        except ChildProcessError:
            return


def children() -> list[int]:
    """Processes of which this one is the parent, adopted ones too."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(number) for number in file.read().split()]
    except OSError:
        return []


def kill_user(user: int, group: int) -> None:
    """Kill every process of a user, which only that user's own kill(-1) does in one step."""
    killer = os.fork()
    if killer == 0:
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        try:
            os.kill(-1, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os._exit(0)
    try:
        os.waitpid(killer, 0)
    except ChildProcessError:
        pass


def main() -> None:
    """Read the cage, start, wait for whichever ends first."""
    import json

    control(PR_SET_CHILD_SUBREAPER, 1)
    control(PR_SET_DUMPABLE, 0)
    text = b""
    while not text.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            return
        text += piece
    cage = json.loads(text)
    del text
    child = start(cage)
    cage["environment"] = None
    descriptor = os.pidfd_open(child)
    poll = select.poll()
    poll.register(0, select.POLLIN | select.POLLHUP)
    poll.register(descriptor, select.POLLIN)
    ended = {number for number, _ in poll.poll()}
    status = os.waitpid(child, 0)[1] if descriptor in ended else None
    sweep(cage, child)
    if status is not None and not cage["apart"]:
        report(status)


if __name__ == "__main__":
    main()
