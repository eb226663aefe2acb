#!/usr/bin/env bash
# Pre-trains GLIP-T on two nodes with eight GPUs each: 16 processes with 4 images each give the
# paper's batch of 64. Submit it with `sbatch scripts/slurm.sh key=value ...`.
#
# Two minutes before the time limit SLURM sends SIGUSR1 to the processes, which save and end with
# code 138; the job is then queued again. --requeue does the same after the failure of a node or
# preemption. Every time the job starts again, it continues in its folder, runs/<experiment>/job_<id>.
#SBATCH --job-name=glip_pl
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@120
#SBATCH --requeue
#SBATCH --open-mode=append
set -uo pipefail

SAVED=138 # 128 and the number of SIGUSR1

# Since SLURM 22.05 srun does not take it from --cpus-per-task: every process would have one core.
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"

srun --kill-on-bad-exit=1 .venv/bin/python -m glip_pl.train experiment=pretrain_o365_goldg \
    trainer=slurm logger=wandb resume=auto "$@"
code=$?
if [[ $code -eq $SAVED ]]; then
    echo "out of time: the job is queued again"
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
