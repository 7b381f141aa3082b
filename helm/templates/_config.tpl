{{/* The gateway's configuration: what the operator has written, and what the chart knows where nothing is written. */}}

{{- define "session-gateway.config" -}}
{{- $config := deepCopy (default dict .Values.config) -}}
{{- $server := $config.server | default dict -}}
{{- $management := $server.management | default dict -}}
{{- $identity := $config.identity | default dict -}}
{{- $credential := $identity.credential | default (dict "type" "federated") -}}
{{- if not (hasKey $server "listen") -}}
{{- $_ := set $server "listen" ":8443" -}}
{{- end -}}
{{- if not (hasKey $server "tls") -}}
{{- $_ := set $server "tls" (dict "certFile" "/etc/session-gateway/tls/tls.crt" "keyFile" "/etc/session-gateway/tls/tls.key") -}}
{{- end -}}
{{- $hostname := first (concat (.Values.httpRoute.enabled | ternary .Values.httpRoute.hostnames list) (.Values.ingress.enabled | ternary .Values.ingress.hosts list)) -}}
{{- if and $hostname (not (hasPrefix "*" $hostname)) (not (hasKey $server "publicUrl")) -}}
{{- $_ := set $server "publicUrl" (printf "https://%s" $hostname) -}}
{{- end -}}
{{- if not (hasKey $management "listen") -}}
{{- $_ := set $management "listen" ":9090" -}}
{{- end -}}
{{- if and (eq $credential.type "federated") (not (hasKey $credential "tokenFile")) -}}
{{- $_ := set $credential "tokenFile" "/var/run/secrets/azure/tokens/azure-identity-token" -}}
{{- end -}}
{{- $_ := set $server "management" $management -}}
{{- $_ := set $config "server" $server -}}
{{- $_ := set $identity "credential" $credential -}}
{{- $_ := set $config "identity" $identity -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Where the kubelet connects, from ":8443", "[::]:8443" and the like. */}}
{{- define "session-gateway.port" -}}
{{- regexFind "[0-9]+$" (include "session-gateway.config" . | fromYaml).server.listen -}}
{{- end -}}

{{- define "session-gateway.managementPort" -}}
{{- regexFind "[0-9]+$" (include "session-gateway.config" . | fromYaml).server.management.listen -}}
{{- end -}}

{{/* "https" or "http": `off` in YAML 1.1 is the boolean false. */}}
{{- define "session-gateway.scheme" -}}
{{- kindIs "map" (include "session-gateway.config" . | fromYaml).server.tls | ternary "https" "http" -}}
{{- end -}}

{{- define "session-gateway.managementScheme" -}}
{{- kindIs "map" (include "session-gateway.config" . | fromYaml).server.management.tls | ternary "https" "http" -}}
{{- end -}}

{{/* The certificate of the management port, where it is one of its own in a Secret of `files`: what of it, and as what. */}}
{{- define "session-gateway.managementCertificate" -}}
{{- $tls := (include "session-gateway.config" . | fromYaml).server.management.tls -}}
{{- $file := kindIs "map" $tls | ternary $tls dict | dig "certFile" "" -}}
{{- $folder := dir $file -}}
{{- $secret := dig (base $folder) "secret" dict .Values.files -}}
{{- if and (eq (dir $folder) "/etc/session-gateway") $secret.secretName -}}
{{- $key := base $file -}}
{{- range $secret.items -}}{{- if eq .path (base $file) -}}{{- $key = .key -}}{{- end -}}{{- end -}}
{{- dict "secretName" $secret.secretName "key" $key "path" (base $file) | toYaml -}}
{{- end -}}
{{- end -}}

{{/* A name if the gateway reads the pod's own token, to ask the API server for keys. */}}
{{- define "session-gateway.asksApiServer" -}}
{{- $folder := "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- range $name, $issuer := (include "session-gateway.config" . | fromYaml).issuers -}}
{{- if and (eq $issuer.type "kubernetes") (or (hasPrefix $folder (default $folder $issuer.tokenFile)) (hasPrefix $folder (default $folder $issuer.caFile))) -}}{{ $name }} {{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether an issuer of type kubernetes is this cluster, and not another, whose API server is named. */}}
{{- define "session-gateway.isThisCluster" -}}
{{- if and (eq .type "kubernetes") (or (not .apiServer) (regexMatch "^https://kubernetes\\.default([.:/]|$)" .apiServer)) -}}yes{{- end -}}
{{- end -}}

{{/* A name if an issuer has its tokens reviewed here. */}}
{{- define "session-gateway.reviewsTokens" -}}
{{- range $name, $issuer := (include "session-gateway.config" . | fromYaml).issuers -}}
{{- if and (include "session-gateway.isThisCluster" $issuer) (hasKey $issuer "tokenReview") -}}{{ $name }} {{ end -}}
{{- end -}}
{{- end -}}

{{/* The audience of the first issuer that is this cluster: what a pod's projected token is made for. */}}
{{- define "session-gateway.audience" -}}
{{- $audiences := list -}}
{{- range $name, $issuer := (include "session-gateway.config" . | fromYaml).issuers -}}
{{- if include "session-gateway.isThisCluster" $issuer -}}{{- $audiences = append $audiences $issuer.audience -}}{{- end -}}
{{- end -}}
{{- first $audiences -}}
{{- end -}}

{{/* Something if the chart is to project the token of a federated credential: not where a value mounts it, as SPIFFE's. */}}
{{- define "session-gateway.projectsIdentity" -}}
{{- $credential := (include "session-gateway.config" . | fromYaml).identity.credential -}}
{{- $isMounted := .Values.identity.webhook -}}
{{- $paths := list -}}
{{- range $name, $_ := .Values.files -}}{{- $paths = append $paths (printf "/etc/session-gateway/%s" $name) -}}{{- end -}}
{{- range .Values.volumeMounts -}}{{- $paths = append $paths (toString .mountPath) -}}{{- end -}}
{{- range $paths -}}
{{- $isMounted = or $isMounted (hasPrefix (printf "%s/" (trimSuffix "/" .)) (default "" $credential.tokenFile)) -}}
{{- end -}}
{{- if and (eq $credential.type "federated") (not $isMounted) -}}yes{{- end -}}
{{- end -}}

{{- define "session-gateway.pods" -}}
{{- .Values.autoscaling.enabled | ternary .Values.autoscaling.minReplicas .Values.replicas -}}
{{- end -}}
