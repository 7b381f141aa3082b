#!/bin/sh
# Reads one session through the gateway:
#   GATEWAY_URL=https://session-gateway.soc.svc GATEWAY_CA_FILE=/etc/gateway/ca.crt sh read-session.sh SESSION
set -eu
gateway=${GATEWAY_URL:-https://session-gateway.soc.svc}
token_file=${GATEWAY_TOKEN_FILE:-/var/run/secrets/session-gateway/token}
sessions=/beta/security/securityCopilot/workspaces/default/sessions

# From standard input, since whoever is on the machine can read arguments. --retry is for 408, 429 and 5xx, after Retry-After.
printf 'Authorization: Bearer %s\n' "$(cat "$token_file")" |
  curl --silent --show-error --fail-with-body --retry 2 --max-time 60 \
    --cacert "$GATEWAY_CA_FILE" --header @- "$gateway$sessions/$1?\$select=id,displayName"
