{{- define "falco-bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "falco-bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "falco-bridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "falco-bridge.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "falco-bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "falco-bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "falco-bridge.labels" -}}
{{ include "falco-bridge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "falco-bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "falco-bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "falco-bridge.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* The uid of the bridge. Falco's socket can only be used by root. */}}
{{- define "falco-bridge.uid" -}}
{{- if eq .Values.mode "central" }}65532
{{- else if eq .Values.node.source "grpc" }}0
{{- else }}{{ .Values.node.runAsUser | int }}
{{- end }}
{{- end }}

{{/* A reference to a file of the Secret. */}}
{{- define "falco-bridge.secretFile" -}}
{{- if not .root.Values.secret }}{{ fail (printf "%s names a key of a Secret: set `secret`, or set it to \"\"" .what) }}{{ end -}}
${file:/run/secrets/falco-bridge/{{ .key }}}
{{- end }}
