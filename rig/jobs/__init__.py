"""The job engine: jobs, streams, OTA updates and downloads."""
