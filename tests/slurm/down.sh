#!/usr/bin/env bash
# Stop what up.sh started, by the pids it recorded, and remove its state: down.sh STATE_DIR.
state=${1:?usage: down.sh STATE_DIR}
case "$(readlink /etc/slurm/slurm.conf 2> /dev/null)" in
  "$state/"*) ours=yes ;;
  *) ours= ;; # another Slurm, or none: its jobs are none of ours
esac
if [ "$ours" ]; then
  timeout 10 scancel --user="$(id -un)" 2> /dev/null
  for ((i = 0; i < 20; i++)); do
    [ -z "$(timeout 5 squeue --noheader 2> /dev/null)" ] && break
    sleep .5
  done
fi
for name in slurmd.pid slurmctld.pid munge/pid; do
  [ -s "$state/$name" ] && kill "$(cat "$state/$name")" 2> /dev/null
done
[ "$ours" ] && rm -f /etc/slurm/slurm.conf /etc/slurm/gres.conf
sleep 1
rm -rf "$state"
