"""Runs all tests with every compiler, debugger and Boost that is to be had: more than one run of ctest does.

    python3 tests/matrix.py <folder>                     with those that are installed
    python3 tests/matrix.py <folder> trixie sid          with all that these releases of Debian have (root, debootstrap)

Round by round: the newest GCC, Clang, LLDB and Boost, then the next ones, until each has had its turn. A round builds
the program in Release with both compilers, warnings being errors, and runs all tests. The folder gets the builds, the
systems, which are used again, and a log of each round.
"""

import argparse
import glob
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OLDEST = {"g++": 12, "clang": 19, "lldb": 19}
INSIDE = """mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && cd "$0/root/project" &&
exec chroot "$0" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \\
    "$@" """


class Machine:
    """This machine."""

    name, project = "here", ROOT
    prefix: list[str] = []

    def __init__(self, folder):
        self.folder = self.builds = folder
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, log, *command):
        return subprocess.run([*self.prefix, *map(str, command)], stdout=log, stderr=log, check=False).returncode == 0

    def numbered(self, tool):
        """The versions of a compiler or debugger, the newest first; one without a number if there is no other."""
        program = tool.replace("clang", "clang++")
        numbers = map(str, range(99, OLDEST[tool] - 1, -1))
        found = [number for number in numbers if shutil.which(f"{program}-{number}")]
        if not found and shutil.which(program):
            return [""]
        return found

    def boosts(self):
        """CMake's options for each."""
        found = [*glob.glob("/usr/lib/*/cmake/Boost-*"), *glob.glob("/usr/local/lib/cmake/Boost-*")]
        found = sorted((path for path in found if not re.search(r"-1\.[0-7]", path)), reverse=True)
        return [f"-DBoost_DIR={path}" for path in found] or [""]

    def install(self, _log, _versions, _boost):
        return True


class Debian(Machine):
    """One of its releases, in a folder. LLDB and Boost are there in one version at a time."""

    def __init__(self, folder, name):
        super().__init__(folder)
        self.name, self.root = name, folder / name
        self.project, self.builds = pathlib.Path("/root/project"), pathlib.Path("/root")  # as it sees them
        self.prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", INSIDE, self.root]
        if not (self.root / "root/project").exists():
            scripts = pathlib.Path("/usr/share/debootstrap/scripts")
            # Releases are alike: an older debootstrap may not know this name.
            script = scripts / (name if (scripts / name).exists() else "sid")
            indexes = subprocess.check_output(["apt-get", "indextargets", "--format", "$(REPO_URI)"], text=True)
            source = indexes.split("\n", 1)[0]
            subprocess.run(["debootstrap", "--variant=minbase", name, self.root, source, script], check=True)
        # What it takes to reach the packages, on this machine.
        for file in ["/etc/resolv.conf", "/etc/hosts", *glob.glob("/etc/apt/apt.conf.d/*")]:
            if "apt.conf" not in file or "Acquire" in pathlib.Path(file).read_text("utf-8"):
                shutil.copy(file, f"{self.root}{file}")
        for part in "CMakeLists.txt", "README.md", "src", "tests", ".ci":
            (self.root / "root/project").mkdir(exist_ok=True)
            subprocess.run(["cp", "-a", ROOT / part, self.root / "root/project"], check=True)
        subprocess.run([*self.prefix, "apt-get", "update", "-q"], stdout=subprocess.DEVNULL, check=True)
        names = subprocess.run([*self.prefix, "apt-cache", "pkgnames"], stdout=subprocess.PIPE, text=True, check=True)
        self.names = names.stdout.split()

    def versions(self, pattern):
        """The numbers in the names of these packages, the newest first."""
        found = [match[1] for match in map(re.compile(pattern).fullmatch, self.names) if match]
        return sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)

    def numbered(self, tool):
        return [number for number in self.versions(rf"{re.escape(tool)}-(\d+)") if int(number) >= OLDEST[tool]]

    def boosts(self):
        return [f"libboost{version}-dev" for version in self.versions(r"libboost(1\.(?:8[1-9]|9\d))-dev")]

    def install(self, log, versions, boost):
        tools = [f"{tool}-{version}" for tool, version in zip(OLDEST, versions)]
        common = "make", "cmake", "python3", "gdb", "libfmt-dev", "ca-certificates"
        return self.run(log, "apt-get", "install", "-yq", "--no-install-recommends", *common, *tools, boost)


def check(machine, versions, boost):
    """One round. Returns what there is to say of it."""
    name = "-".join(["round", *map(str, versions), re.sub(r"[^\d.]", "", boost.split("/")[-1])])
    log_path, folder = machine.folder / f"{machine.name}-{name}.log", machine.builds / name
    with open(log_path, "w+", encoding="utf-8") as log:
        if not machine.install(log, versions, boost):
            return f"cannot be installed: {log_path}"
        gcc, clang, lldb = (f"/usr/bin/{tool.replace('clang', 'clang++')}" + f"-{version}" * bool(version)
                            for tool, version in zip(OLDEST, versions))  # fmt: skip
        options = [boost] if boost.startswith("-D") else []
        good = True
        for compiler in gcc, clang:
            build = folder / pathlib.Path(compiler).name
            good &= (
                machine.run(log, "cmake", "-S", machine.project, "-B", build, f"-DCMAKE_CXX_COMPILER={compiler}",
                            "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS=-Werror", *options)
                and machine.run(log, "cmake", "--build", build)
                and machine.run(log, "ctest", "--test-dir", build, "--output-on-failure", "-L", "program")
            )  # fmt: skip
        start = log.seek(0, 2)
        build = folder / "debug"
        tools = f"-DCMAKE_CXX_COMPILER={gcc}", f"-DGCC={gcc}", f"-DCLANG={clang}", f"-DLLDB={lldb}"
        good &= (
            machine.run(log, "cmake", "-S", machine.project, "-B", build, *tools, *options)
            and machine.run(log, "cmake", "--build", build)
            and machine.run(log, "ctest", "--test-dir", build, "-j2", "--output-on-failure")
        )
        log.seek(start)
        told = re.findall(r"^.*tests passed.*|^\t *\d+ - (\S+ \((?!Passed).*\))", log.read(), re.M)
    return f"{'passed' if good else f'FAILED, see {log_path}'}; not passed: {', '.join(filter(None, told)) or 'none'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("release", nargs="*")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    for name in arguments.release or [""]:
        machine = Debian(folder, name) if name else Machine(folder)
        columns = [*map(machine.numbered, OLDEST), machine.boosts()]
        if not all(columns):
            sys.exit(f"{machine.name}: missing one of GCC 12, Clang 19, LLDB 19, Boost 1.81, or newer")
        for number in range(max(map(len, columns))):
            *versions, boost = (column[number % len(column)] for column in columns)
            title = ", ".join(f"{tool} {version}" for tool, version in zip(OLDEST, versions))
            print(f"{machine.name}: {title}, {boost or 'Boost'}: {check(machine, versions, boost)}", flush=True)


if __name__ == "__main__":
    main()
