{{/* What would not work, or would not be meant: said when the chart is rendered, in a sentence, with what to do. */}}

{{- define "session-gateway.check" -}}
{{- $config := include "session-gateway.config" . | fromYaml -}}
{{- include "session-gateway.checkIdentity" (dict "root" . "config" $config) -}}
{{- include "session-gateway.checkCallers" (dict "root" . "config" $config) -}}
{{- include "session-gateway.checkFiles" (dict "root" . "config" $config) -}}
{{- include "session-gateway.checkEdges" (dict "root" . "config" $config) -}}
{{- include "session-gateway.checkMemory" (dict "root" . "config" $config) -}}
{{- end -}}

{{- define "session-gateway.checkIdentity" -}}
{{- $identity := .config.identity -}}
{{- if not $identity.tenantId -}}
{{- fail "config.identity.tenantId is missing: the tenant whose sessions are read" -}}
{{- end -}}
{{- if not $identity.clientId -}}
{{- fail "config.identity.clientId is missing: the application (client) ID the gateway asks Graph as" -}}
{{- end -}}
{{- if and (eq $identity.credential.type "managed") (not .root.Values.identity.acceptNodeWideIdentity) -}}
{{- fail "config.identity.credential.type is managed: on a Kubernetes node every pod that reaches the metadata service gets that identity's tokens, and can read every session of the tenant. Use federated; or say that this is meant: identity.acceptNodeWideIdentity: true" -}}
{{- end -}}
{{- if and .root.Values.identity.webhook (ne $identity.credential.type "federated") -}}
{{- fail (printf "identity.webhook is for a federated credential, and config.identity.credential.type is %s: remove one of them" $identity.credential.type) -}}
{{- end -}}
{{- if hasKey $identity.credential "value" -}}
{{- fail "config.identity.credential.value would stand in a ConfigMap: put the secret into a Secret, mount it with files, and name it in config.identity.credential.file" -}}
{{- end -}}
{{- if hasKey (dig "outbound" "proxyAuth" dict .config) "value" -}}
{{- fail "config.outbound.proxyAuth.value would stand in a ConfigMap: put it into a Secret, mount it with files, and name it in config.outbound.proxyAuth.file" -}}
{{- end -}}
{{- if regexMatch "://[^/\\s]*@|rediss?://\\S*@" (toYaml .config) -}}
{{- fail "config has a URL with credentials, which would stand in a ConfigMap: put them into a Secret, mount it with files, and name it (outbound.proxyAuth.file, cache.shared.auth)" -}}
{{- end -}}
{{- range .root.Values.env -}}
{{- if and .value (or (regexMatch "(?i)SECRET|PASSWORD" .name) (regexMatch "//[^/]*@" (toString .value))) -}}
{{- fail (printf "env has %s, and in it a secret that whoever may read the pod reads, too: mount it from a Secret with files, and name the file in config" .name) -}}
{{- end -}}
{{- $key := get (dict "GATEWAY_CONFIG" "config" "GATEWAY_LISTEN" "config.server.listen" "GATEWAY_MANAGEMENT_LISTEN" "config.server.management.listen" "GATEWAY_GRAPH_ENDPOINT" "config.graph.endpoint" "GATEWAY_REDIS_URL" "config.cache.shared.url" "HTTPS_PROXY" "config.outbound.proxy") (upper .name) -}}
{{- if $key -}}
{{- fail (printf "env has %s, of which Services and network policies would not know: write %s" .name $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "session-gateway.checkCallers" -}}
{{- if not .config.issuers -}}
{{- fail "config.issuers is missing: whose tokens are believed? For pods of this cluster: issuers: { cluster: { type: kubernetes, audience: session-gateway } }" -}}
{{- end -}}
{{- range $name, $issuer := .config.issuers -}}
{{- if eq $issuer.type "anonymous" -}}
{{- fail (printf "config.issuers.%s is anonymous: whoever reaches the Service could read sessions. It is for development on one machine" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "session-gateway.checkFiles" -}}
{{- $values := .root.Values -}}
{{- $mounted := keys $values.files -}}
{{- range list "config" "tls" -}}
{{- if hasKey $values.files . -}}
{{- fail (printf "files.%s: this name is taken by the chart" .) -}}
{{- end -}}
{{- end -}}
{{- range $name, $volume := $values.files -}}
{{- if ne (len $volume) 1 -}}
{{- fail (printf "files.%s has %d sources (%s), and a volume has one. Maps of several values files are merged: leave the other one out of its file" $name (len $volume) (keys $volume | sortAlpha | join ", ")) -}}
{{- end -}}
{{- end -}}
{{- range $values.volumes -}}
{{- if or (has .name (list "config" "tls" "api-server" "federated-token")) (hasPrefix "file-" .name) -}}
{{- fail (printf "volumes has %s: this name is taken by the chart" .name) -}}
{{- end -}}
{{- end -}}
{{- if kindIs "map" .config.server.tls -}}
{{- if include "session-gateway.tlsSecretName" .root -}}
{{- $mounted = append $mounted "tls" -}}
{{- else if hasPrefix "/etc/session-gateway/tls/" .config.server.tls.certFile -}}
{{- fail "where does the TLS of callers end? Give tls.secretName or tls.certManager.issuerRef; or, where it ends in front of the gateway, config: { server: { tls: off } }" -}}
{{- end -}}
{{- else if include "session-gateway.tlsSecretName" .root -}}
{{- fail "tls names a certificate, and config.server.tls is off: remove one of them" -}}
{{- end -}}
{{- range $values.volumeMounts -}}
{{- $mounted = append $mounted (trimPrefix "/etc/session-gateway/" (toString .mountPath) | splitList "/" | first) -}}
{{- end -}}
{{- range regexFindAll "/etc/session-gateway/[^/\\s\"']+/" (toYaml .config) -1 | uniq -}}
{{- $name := . | trimPrefix "/etc/session-gateway/" | trimSuffix "/" -}}
{{- if not (has $name $mounted) -}}
{{- fail (printf "config names a file below /etc/session-gateway/%s, and nothing is mounted there: add files: { %s: { secret: { secretName: … } } }" $name $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "session-gateway.checkEdges" -}}
{{- $values := .root.Values -}}
{{- range $label, $_ := $values.podLabels -}}
{{- if hasKey (include "session-gateway.selectorLabels" $.root | fromYaml) $label -}}
{{- fail (printf "podLabels has %s, by which pods of this release are found: leave it out" $label) -}}
{{- end -}}
{{- end -}}
{{- range $edge := list "httpRoute" "ingress" -}}
{{- if and (get $values $edge).enabled (not (hasKey $.config.server "trustedProxies")) -}}
{{- fail (printf "%s is on, so somebody is in front of the gateway: name in config.server.trustedProxies whose X-Forwarded-For is believed, such as [10.0.0.0/8]; [] is nobody, and audit records then name the proxy" $edge) -}}
{{- end -}}
{{- end -}}
{{- if and $values.httpRoute.enabled (not $values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs is empty: name the Gateway the route belongs to" -}}
{{- end -}}
{{- if and $values.ingress.enabled (not $values.ingress.hosts) -}}
{{- fail "ingress.hosts is empty: name the hosts callers use" -}}
{{- end -}}
{{- if and $values.prometheusRule.enabled (not $values.prometheusRule.runbookUrl) -}}
{{- fail "prometheusRule.runbookUrl is missing: where do your people read docs/runbooks of this release? Each alert names its page there" -}}
{{- end -}}
{{- if and $values.podMonitor.enabled $values.networkPolicy.ingress.enabled (not $values.networkPolicy.ingress.managementFrom) -}}
{{- fail "podMonitor is on, and networkPolicy.ingress.managementFrom lets no Prometheus in: name its pods there, such as [{ namespaceSelector: { matchLabels: { kubernetes.io/metadata.name: monitoring } } }]" -}}
{{- end -}}
{{- if and $values.networkPolicy.cilium.enabled $values.networkPolicy.egress.enabled -}}
{{- range $key := list "redisTo" "proxyTo" "extra" -}}
{{- if get $values.networkPolicy.egress $key -}}
{{- fail (printf "networkPolicy.egress.%s is of a NetworkPolicy, and with networkPolicy.cilium.enabled there is none for egress, so it would narrow and open nothing: remove one of them; more rules for Cilium are in networkPolicy.cilium.extra" $key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if eq (include "session-gateway.port" .root) (include "session-gateway.managementPort" .root) -}}
{{- fail "config.server.listen and config.server.management.listen have the same port: callers must not reach the management port" -}}
{{- end -}}
{{- range list .config.server.listen .config.server.management.listen -}}
{{- if not (regexMatch "^(0\\.0\\.0\\.0|\\[::\\]|):[0-9]+$" .) -}}
{{- fail (printf "config.server listens on %q: in a pod it must be every interface, such as \":8443\", or neither callers nor probes reach it" .) -}}
{{- end -}}
{{- if lt (regexFind "[0-9]+$" . | int) 1024 -}}
{{- fail (printf "config.server listens on %q: ports below 1024 are not for a user without privileges. The Service has 443 (service.port)" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The image gives Node's heap 60 % of the container's memory, and the gateway wants twice its cache there. */}}
{{- define "session-gateway.checkMemory" -}}
{{- with dig "limits" "memory" "" .root.Values.resources -}}
{{- $limit := include "session-gateway.quantityInMebibytes" . | int64 -}}
{{- $cache := include "session-gateway.mebibytes" (dig "cache" "memory" "128MiB" $.config) | int64 -}}
{{- $needed := add1 (div (mul $cache 100 2) 60) | max 256 -}}
{{- if lt $limit $needed -}}
{{- fail (printf "resources.limits.memory is %s, and config.cache.memory (%d MiB) needs %dMi at least: raise the limit, or lower the cache" (include "session-gateway.number" .) $cache $needed) -}}
{{- end -}}
{{- end -}}
{{- end -}}
