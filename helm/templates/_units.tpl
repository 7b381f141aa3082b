{{/* The configuration's and Kubernetes' ways to write times and sizes, as numbers. */}}

{{/* "1500ms", "30s", "5m" or "1h" in whole seconds, rounded up. */}}
{{- define "session-gateway.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" -}}{{ div (add $number 999) 1000 }}
{{- else -}}{{ mul $number (get (dict "s" 1 "m" 60 "h" 3600) $unit) }}
{{- end -}}
{{- end -}}

{{/* "512KiB", "128MiB", "1GiB" in whole MiB, rounded up. */}}
{{- define "session-gateway.mebibytes" -}}
{{- $number := regexFind "^[0-9]+" . | int64 -}}
{{- $kibibytes := mul $number (get (dict "KiB" 1 "MiB" 1024 "GiB" 1048576) (regexFind "[A-Za-z]+$" .)) -}}
{{- div (add $kibibytes 1023) 1024 -}}
{{- end -}}

{{/* A text, or a number of YAML without the exponent that Helm would write it with. */}}
{{- define "session-gateway.number" -}}
{{- kindIs "float64" . | ternary (toJson .) (toString .) -}}
{{- end -}}

{{/* A quantity of Kubernetes, such as "640Mi" or "1.5Gi", in whole MiB, rounded down. */}}
{{- define "session-gateway.quantityInMebibytes" -}}
{{- $text := include "session-gateway.number" . -}}
{{- $number := regexFind "^[0-9.]+([eE][0-9]+)?" $text | float64 -}}
{{- $bytes := get (dict "" 1.0 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "P" 1e15 "Pi" 1125899906842624.0) (regexFind "[A-Za-z]*$" $text) -}}
{{- if not $bytes -}}
{{- fail (printf "resources.limits.memory: %q is not a quantity such as 640Mi or 1Gi" $text) -}}
{{- end -}}
{{- divf (mulf $number $bytes) 1048576.0 | floor | int64 -}}
{{- end -}}
