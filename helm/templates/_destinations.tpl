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

{{/* A YAML list of the names reached over the internet. */}}
{{- define "session-gateway.internetNames" -}}
{{- $urls := list (default "https://graph.microsoft.com" (dig "graph" "endpoint" "" .)) (default "https://login.microsoftonline.com" .identity.authorityHost) -}}
{{- range $name, $issuer := .issuers -}}
{{- if eq $issuer.type "oidc" -}}
{{- $urls = concat $urls (list $issuer.issuer (default "" $issuer.jwksUri)) -}}
{{- end -}}
{{- end -}}
{{- $names := list -}}
{{- range compact $urls -}}
{{- $names = append $names (get (urlParse .) "hostname") -}}
{{- end -}}
{{- uniq $names | sortAlpha | toYaml -}}
{{- end -}}
