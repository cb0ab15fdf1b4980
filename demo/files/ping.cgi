#!/bin/bash
# The diagnostics page of the demo's camera: as in many real devices, a form field reaches a shell.
# What arrives is kept in panel.log, so that the demo can see whether an exploit got this far.
read -r -n "${CONTENT_LENGTH:-0}" body
echo "$body" >>"${PANEL_LOG:-/tmp/panel.log}"
host=$(printf '%b' "${body#host=}" | sed 's/%3B/;/Ig; s/%20/ /g; s/+/ /g')
printf 'Content-Type: text/plain\r\n\r\n'
eval "echo checking $host"
