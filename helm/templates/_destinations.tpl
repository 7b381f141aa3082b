{{/* Whom the configuration says is connected to, for the network policies. The argument is the configuration. */}}

{{/* A YAML list of port numbers. */}}
{{- define "session-gateway.redisPorts" -}}
{{- $shared := dig "cache" "shared" dict . -}}
{{- $ports := list -}}
{{- range concat (list (default "" $shared.url)) (default list $shared.cluster) | compact -}}
{{- $ports = append $ports (regexFind "[0-9]+$" (regexFind ":[0-9]+/?$" . | trimSuffix "/") | default "6379" | int) -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}

{{- define "session-gateway.proxyPort" -}}
{{- $proxy := dig "outbound" "proxy" "" . -}}
{{- if kindIs "string" $proxy -}}
{{- if and $proxy (ne $proxy "off") -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+/?$" $proxy | trimSuffix "/") | default (hasPrefix "https:" $proxy | ternary "443" "80") -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A YAML list of the URLs read by https: Graph, Entra, OIDC issuers, and API servers that are named. */}}
{{- define "session-gateway.httpsUrls" -}}
{{- $urls := list (default "https://graph.microsoft.com" (dig "graph" "endpoint" "" .)) (default "https://login.microsoftonline.com" .identity.authorityHost) -}}
{{- range $name, $issuer := .issuers -}}
{{- if eq $issuer.type "oidc" -}}
{{- $urls = concat $urls (list $issuer.issuer $issuer.jwksUri) -}}
{{- else -}}
{{- $urls = append $urls $issuer.apiServer -}}
{{- end -}}
{{- end -}}
{{- compact $urls | toYaml -}}
{{- end -}}

{{/* A YAML list of the ports in them, where one is written. */}}
{{- define "session-gateway.writtenHttpsPorts" -}}
{{- $ports := list -}}
{{- range include "session-gateway.httpsUrls" . | fromYamlArray -}}
{{- with regexFind ":[0-9]+$" (urlParse .).host -}}
{{- $ports = append $ports (trimPrefix ":" . | int) -}}
{{- end -}}
{{- end -}}
{{- uniq $ports | toYaml -}}
{{- end -}}

{{/* A YAML list of names, and not of addresses, which Cilium takes for none. */}}
{{- define "session-gateway.internetNames" -}}
{{- $names := list -}}
{{- range include "session-gateway.httpsUrls" . | fromYamlArray -}}
{{- $name := (urlParse .).hostname -}}
{{- if not (regexMatch "^[0-9.]+$|:" $name) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- uniq $names | sortAlpha | toYaml -}}
{{- end -}}
