"""A Slurm of one's own on this machine: one node, two partitions, two GPUs that are none.

Needs root, for a GPU of Slurm's is a device file, and its programs look for their configuration in
/etc/slurm alone once they were started by another.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
ETC = Path("/etc/slurm")
DAEMONS = ("munged", "slurmctld", "slurmd")
N_GPUS = 2

# Ports of its own; processes are told apart without cgroups; nothing is accounted for, so that jobs
# are asked after by squeue, which knows ended ones for MinJobAge seconds. More cores and memory are
# claimed than there are, or jobs would run one by one.
CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={next_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
TaskProlog={folder}/note_gpus.sh
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=5
GresTypes=gpu
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=500000 Gres=gpu:{gpus} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE State=UP
"""

# Runs before each task of a job, as that task's user and in its environment.
NOTE_GPUS = """\
#!/bin/sh
echo "${{CUDA_VISIBLE_DEVICES-none}}" >> {folder}/gpus.$SLURM_JOB_ID
"""


class Unavailable(Exception):
    """Why no Slurm can be started here."""


def install() -> None:
    """Install Slurm where it is missing; raises Unavailable with the reason where that fails."""
    if os.geteuid() != 0:
        raise Unavailable("needs root")
    if all(map(shutil.which, (*DAEMONS, "sbatch"))):
        return
    if not shutil.which("apt-get"):
        raise Unavailable("needs Slurm, or apt-get to install it")
    for step in (["update"], ["install", "--yes", "--no-install-recommends", *PACKAGES]):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run = subprocess.run(["apt-get", *step], env=quiet, capture_output=True, text=True)
        if run.returncode != 0:
            raise Unavailable(f"apt-get {step[0]}: {run.stderr.strip()[-200:]}")


class SlurmCluster:
    """Daemons in a folder of their own, from `start` to `stop`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = socket.gethostname().partition(".")[0]

    def start(self) -> None:
        """Start the daemons and wait for the node; raises Unavailable where another Slurm is."""
        links = {ETC / name: self.folder / name for name in ("slurm.conf", "gres.conf")}
        for link in links:
            if link.exists():
                raise Unavailable(f"{link} is there: this machine has a Slurm already")
            link.unlink(missing_ok=True)  # of a run that was killed
        self._write_files()
        ETC.mkdir(exist_ok=True)
        for link, file in links.items():
            link.symlink_to(file)
        munge = [f"--{name}={self.folder}/munge.{name}" for name in ("socket",)]
        munge += [f"--{name}-file={self.folder}/munge.{name}" for name in ("key", "log", "seed")]
        subprocess.run(
            ["munged", "--force", *munge, f"--pid-file={self.folder}/munged.pid"], check=True
        )
        for daemon in ("slurmctld", "slurmd"):
            subprocess.run([daemon, "-f", f"{self.folder}/slurm.conf"], check=True)
        self._wait_until_idle()

    def _write_files(self) -> None:
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o600)
        for gpu in range(N_GPUS):  # Slurm wants devices; these are /dev/null
            os.mknod(self.folder / f"gpu{gpu}", 0o666 | 0o020000, os.makedev(1, 3))
        port = _free_ports()
        (self.folder / "slurm.conf").write_text(
            CONFIGURATION.format(
                host=self.host, port=port, next_port=port + 1, folder=self.folder, gpus=N_GPUS
            )
        )
        (self.folder / "gres.conf").write_text(
            f"NodeName={self.host} Name=gpu File={self.folder}/gpu[0-{N_GPUS - 1}]\n"
        )
        script = self.folder / "note_gpus.sh"
        script.write_text(NOTE_GPUS.format(folder=self.folder))
        script.chmod(0o755)

    def _wait_until_idle(self, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while _out("sinfo", "--noheader", "--format=%T", "--partition=cpu") != "idle":
            if time.monotonic() > end:
                logs = "".join(log.read_text()[-500:] for log in self.folder.glob("slurm*.log"))
                raise Unavailable(f"Slurm did not come up: {logs}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End all jobs and the daemons, and take away what was put into /etc."""
        subprocess.run(["scancel", "--user=root"], capture_output=True)
        for daemon in reversed(DAEMONS):
            file = self.folder / f"{daemon}.pid"
            if file.is_file():
                _end(int(file.read_text()))
        for name in ("slurm.conf", "gres.conf"):
            link = ETC / name
            # a dead configuration would keep every Snakemake with the plugin waiting for 10 s
            if link.is_symlink() and link.readlink() == self.folder / name:
                link.unlink()

    def jobs(self) -> list[dict[str, str]]:
        """Return all jobs since the start, as `scontrol` tells of them."""
        lines = _out("scontrol", "--oneliner", "show", "jobs").splitlines()
        jobs = []
        for line in lines:
            fields = (field.partition("=") for field in line.split(" ") if "=" in field)
            jobs.append({key: value for key, _, value in fields})
        return [job for job in jobs if "JobId" in job]

    def gpus_seen(self, job: dict[str, str]) -> str:
        """Return CUDA_VISIBLE_DEVICES of a job's first task, or "none"."""
        return (self.folder / f"gpus.{job['JobId']}").read_text().splitlines()[0]


def rule_of(job: dict[str, str]) -> str:
    """Return the rule that a job of Snakemake's runs; it stands in the comment."""
    return job["Comment"].removeprefix("rule_").partition("_wildcards_")[0]


def cancel(job: dict[str, str]) -> None:
    """Cancel a job as its user would."""
    subprocess.run(["scancel", job["JobId"]], check=True)


def _out(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _free_ports() -> int:
    """Return a port that is free, and so is the next."""
    for port in range(16817, 17000, 2):
        with socket.socket() as one, socket.socket() as other:
            try:
                one.bind(("127.0.0.1", port))
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
    raise Unavailable("no two free ports from 16817 on")


def _end(pid: int, seconds: float = 20) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
