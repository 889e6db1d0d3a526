{{- define "lychgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "lychgate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains (include "lychgate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "lychgate.name" .) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "lychgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lychgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "lychgate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "lychgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "lychgate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "lychgate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{- define "lychgate.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end }}

{{- define "lychgate.configMapName" -}}
{{- default (include "lychgate.fullname" .) .Values.existingConfigMap -}}
{{- end }}

{{- /* The config with a section for each bundle of the chart; what the user says of a bundle comes first. */}}
{{- define "lychgate.config" -}}
{{- $own := dict -}}
{{- range $name := keys .Values.policies -}}
{{- if hasKey $.Values.existingPolicies $name -}}
{{- fail (printf "the bundle `%s` stands in `policies` and in `existingPolicies`" $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := concat (keys .Values.policies) (keys .Values.existingPolicies) -}}
{{- $_ := set $own $name (dict "directory" (printf "/etc/lychgate/policies/%s" $name)) -}}
{{- end -}}
{{- $config := deepCopy .Values.config -}}
{{- if $own -}}
{{- $_ := set $config "policies" (merge (default (dict) $config.policies) $own) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end }}

{{- /* A duration as configs write it, in whole seconds: `45s`, `2m`, `1m 30s`. */}}
{{- define "lychgate.seconds" -}}
{{- $seconds := 0 -}}
{{- range $part := regexFindAll "[0-9]+ *[a-z]+" (toString .) -1 -}}
{{- $number := regexFind "^[0-9]+" $part | int -}}
{{- $unit := regexFind "[a-z]+$" $part -}}
{{- if has $unit (list "s" "sec" "secs" "second" "seconds") -}}
{{- $seconds = add $seconds $number -}}
{{- else if has $unit (list "m" "min" "mins" "minute" "minutes") -}}
{{- $seconds = add $seconds (mul 60 $number) -}}
{{- else if has $unit (list "h" "hr" "hrs" "hour" "hours") -}}
{{- $seconds = add $seconds (mul 3600 $number) -}}
{{- else -}}
{{- /* Less than a second counts as one. */}}
{{- $seconds = add $seconds 1 -}}
{{- end -}}
{{- end -}}
{{- $seconds -}}
{{- end }}

{{- /* How long the pod is given: it must be longer than the gate takes to stop, or requests are cut off. */}}
{{- define "lychgate.gracePeriod" -}}
{{- $shutdown := default (dict) (default (dict) .Values.config).shutdown -}}
{{- $delay := include "lychgate.seconds" (default "5s" $shutdown.delay) | int -}}
{{- $drain := include "lychgate.seconds" (default "30s" $shutdown.drain) | int -}}
{{- $least := add $delay $drain 5 -}}
{{- $given := int .Values.terminationGracePeriodSeconds -}}
{{- if and (lt $given (int $least)) (not .Values.existingConfigMap) -}}
{{- fail (printf "`terminationGracePeriodSeconds` is %d, and the gate may take %d: `config.shutdown` and a moment more" $given (int $least)) -}}
{{- end -}}
{{- $given -}}
{{- end }}
