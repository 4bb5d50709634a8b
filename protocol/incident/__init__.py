"""Incident reports: what a post tells the Taskforce Cyber, in stages.

Start with :mod:`protocol.incident.model` (what a report holds), then
:mod:`protocol.incident.check` (from a file to a report, or every problem in it).
The words of a report come from :mod:`protocol.incident.taxonomy`.

Source: docs/spec/incident.md; the same as JSON Schema in docs/schema/.
"""
