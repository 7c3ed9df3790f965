"""Recordings as jobs of their own: planned, started, watched, cancelled, resumed; and a folder of recordings kept in order."""

from senet_viz.dashboard.jobs.keeping import (
    Contents,
    KeptRecording,
    delete_recording,
    list_contents,
    list_recordings,
    rename_recording,
)
from senet_viz.dashboard.jobs.naming import check_name, job_folder, suggest_name
from senet_viz.dashboard.jobs.plan import Plan, PlannedClass, plan_request
from senet_viz.dashboard.jobs.request import RecordRequest
from senet_viz.dashboard.jobs.running import Job, cancel_job, find_jobs, forget_job, resume_job, start_job
from senet_viz.dashboard.jobs.status import JobStatus, read_log, read_status

__all__ = [
    "Contents",
    "Job",
    "JobStatus",
    "KeptRecording",
    "Plan",
    "PlannedClass",
    "RecordRequest",
    "cancel_job",
    "check_name",
    "delete_recording",
    "find_jobs",
    "forget_job",
    "job_folder",
    "list_contents",
    "list_recordings",
    "plan_request",
    "read_log",
    "read_status",
    "rename_recording",
    "resume_job",
    "start_job",
    "suggest_name",
]
