# Reads one session through the gateway, with Python's own library:
#   GATEWAY_URL=https://session-gateway.soc.svc GATEWAY_CA_FILE=/etc/gateway/ca.crt python3 read_session.py SESSION
import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request

gateway = os.environ.get("GATEWAY_URL", "https://session-gateway.soc.svc")
token_file = os.environ.get("GATEWAY_TOKEN_FILE", "/var/run/secrets/session-gateway/token")
tls = ssl.create_default_context(cafile=os.environ.get("GATEWAY_CA_FILE"))


def read_session(session_id, workspace_id="default", attempts=3):
    path = f"/beta/security/securityCopilot/workspaces/{workspace_id}/sessions/{session_id}"
    for attempt in range(1, attempts + 1):
        # Read for each call: the kubelet renews it.
        with open(token_file, encoding="ascii") as file:
            token = file.read().strip()
        request = urllib.request.Request(
            f"{gateway}{path}?$select=id,displayName", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=15, context=tls) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            # Anything else is the same when it is asked again.
            if refused.code not in (429, 502, 503, 504) or attempt == attempts:
                error = json.load(refused)["error"]
                request_id = refused.headers["request-id"]
                raise SystemExit(f"{refused.code} {error['code']}: {error['message']} (request-id {request_id})")
            time.sleep(int(refused.headers.get("Retry-After", attempt)))


print(read_session(sys.argv[1])["displayName"])
