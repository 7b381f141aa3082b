{{/* What things are called, and by which labels they are found. */}}

{{- define "session-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* Room is left for what is put after it, such as "-peers": a Service's name has 63 characters. */}}
{{- define "session-gateway.fullname" -}}
{{- $name := include "session-gateway.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Of what belongs to no namespace: two releases of one name in two namespaces are two. */}}
{{- define "session-gateway.clusterName" -}}
{{- printf "%s:%s" .Release.Namespace (include "session-gateway.fullname" .) -}}
{{- end -}}

{{- define "session-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "session-gateway.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "session-gateway.tlsSecretName" -}}
{{- if .Values.tls.certManager.issuerRef -}}
{{- default (printf "%s-tls" (include "session-gateway.fullname" .)) .Values.tls.secretName -}}
{{- else -}}
{{- .Values.tls.secretName -}}
{{- end -}}
{{- end -}}

{{/* Of a Deployment they can never change: everything that may is left to the labels below. */}}
{{- define "session-gateway.releaseLabels" -}}
app.kubernetes.io/name: {{ include "session-gateway.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "session-gateway.selectorLabels" -}}
{{ include "session-gateway.releaseLabels" . }}
app.kubernetes.io/component: gateway
{{- end -}}

{{- define "session-gateway.labels" -}}
{{ include "session-gateway.selectorLabels" . }}
{{ include "session-gateway.chartLabels" . }}
{{- end -}}

{{- define "session-gateway.chartLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- end -}}

{{- define "session-gateway.metadata" -}}
name: {{ include "session-gateway.fullname" . | quote }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "session-gateway.labels" . | nindent 2 }}
{{- end -}}

{{- define "session-gateway.image" -}}
{{- $image := .Values.image -}}
{{- $path := list .Values.global.imageRegistry $image.registry $image.repository | compact | join "/" -}}
{{- $tag := default .Chart.AppVersion $image.tag -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $path $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $path $tag -}}
{{- end -}}
{{- end -}}

{{- define "session-gateway.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.image.pullSecrets | uniq -}}
imagePullSecrets:
{{- range . }}
  - name: {{ if kindIs "map" . }}{{ .name | quote }}{{ else }}{{ . | quote }}{{ end }}
{{- end }}
{{- end -}}
{{- end -}}
