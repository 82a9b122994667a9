#!/usr/bin/env bash
# Start a throw-away Slurm of one node on loopback: up.sh STATE_DIR. Needs root and Debian's slurm-wlm and munge.
# STATE_DIR must be reachable by the munge user: no parent with mode 0700. Stop it with down.sh. No accounting: status by squeue.
# The partitions `cpu` and `gpu` share the node; its GPUs are copies of the null device.
set -euo pipefail
state=${1:?usage: up.sh STATE_DIR}
host=$(hostname -s)
port=${SLURM_PORT:-16817}
cpus=${SLURM_FAKE_CPUS:-2} mem_mb=${SLURM_FAKE_MEM_MB:-8000} gpus=${SLURM_FAKE_GPUS:-2}
if [ -e /etc/slurm/slurm.conf ]; then
  echo "up.sh: there is a Slurm on this machine already, and it is left alone: $(readlink -f /etc/slurm/slurm.conf)" >&2
  exit 1
fi
mkdir -p "$state"/{log,spool,state}
chmod 755 "$state" "$state/log"
if ! timeout 5 munge --no-input > /dev/null 2>&1; then # else the machine's own serves
  install -d -o munge -g munge -m 755 "$state/munge" /run/munge
  [ -s "$state/munge/key" ] || head -c 128 /dev/urandom > "$state/munge/key"
  chown munge:munge "$state/munge/key"
  chmod 400 "$state/munge/key"
  runuser -u munge -- munged --force --key-file="$state/munge/key" --socket=/run/munge/munge.socket.2 \
    --pid-file="$state/munge/pid" --log-file="$state/munge/log" --seed-file="$state/munge/seed"
fi
for ((i = 0; i < gpus; i++)); do
  [ -c "$state/gpu$i" ] || mknod "$state/gpu$i" c 1 3   # a plain file would be refused
done
# OverMemoryKill: without cgroups nothing else stops a job over its memory.
# MinJobAge: squeue must still know a finished job when Snakemake next asks.
cat > "$state/slurm.conf" << END
ClusterName=throwaway
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=/run/munge/munge.socket.2
CryptoType=crypto/munge
StateSaveLocation=$state/state
SlurmdSpoolDir=$state/spool
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd.pid
SlurmctldLogFile=$state/log/slurmctld.log
SlurmdLogFile=$state/log/slurmd.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=1,bf_interval=1
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$state/log/jobcomp.log
MinJobAge=3600
JobRequeue=0
InactiveLimit=0
KillWait=2
Waittime=0
SlurmctldTimeout=30
SlurmdTimeout=60
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$mem_mb Gres=gpu:$gpus State=UNKNOWN
PartitionName=cpu Nodes=$host Default=YES MaxTime=1-0 State=UP DefMemPerCPU=500
PartitionName=gpu Nodes=$host Default=NO MaxTime=1-0 State=UP DefMemPerCPU=500
END
echo "NodeName=$host Name=gpu File=$state/gpu[0-$((gpus - 1))]" > "$state/gres.conf"
install -d /etc/slurm
for name in slurm gres; do
  ln -sfn "$state/$name.conf" "/etc/slurm/$name.conf"   # the default place: the plugin clears SLURM_CONF inside jobs
done
slurmctld
slurmd
for ((i = 0; i < 60; i++)); do
  [ "$(timeout 2 sinfo -h -o %t 2> /dev/null | head -1)" = idle ] && break
  sleep .25
done
timeout 5 sinfo
