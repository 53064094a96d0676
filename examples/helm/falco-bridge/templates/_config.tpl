{{/* falco-bridge.yaml: what the chart writes, and then `config`, whose keys win. */}}
{{- define "falco-bridge.config" -}}
{{- $metrics := dict "listen" (printf "0.0.0.0:%d" (int .Values.metrics.port)) }}
{{- with .Values.metrics.tokenKey }}
{{- $_ := set $metrics "token" (include "falco-bridge.secretFile" (dict "root" $ "key" . "what" "metrics.tokenKey")) }}
{{- end }}
{{- with .Values.metrics.allow }}{{ $_ := set $metrics "allow" . }}{{ end }}
{{- if not (or .Values.metrics.tokenKey .Values.metrics.allow) }}{{ $_ := set $metrics "insecure" true }}{{ end }}
{{- $journal := dict "path" "/var/lib/falco-bridge/journal.db" }}
{{- if eq .Values.mode "node" }}
{{- $_ := set $journal "retention" (dict "size" .Values.node.journalSize) }}
{{- end }}
{{- if .Values.postgresql.url }}
{{- $_ := set $journal "path" "/var/lib/falco-bridge/local" }}
{{- $_ := set $journal "url" (include "falco-bridge.databaseUrl" .) }}
{{- with .Values.postgresql.passwordKey }}
{{- if $.Values.postgresql.secret }}
{{- $_ := set $journal "password" (printf "${file:/run/secrets/postgresql/%s}" .) }}
{{- else }}
{{- $_ := set $journal "password" (include "falco-bridge.secretFile" (dict "root" $ "key" . "what" "postgresql.passwordKey")) }}
{{- end }}
{{- end }}
{{- end }}
{{- $config := dict
  "sources" (include "falco-bridge.sources" . | fromYamlArray)
  "routes" (include "falco-bridge.routes" . | fromYamlArray)
  "journal" $journal
  "admin" "/run/falco-bridge/admin.sock"
  "shutdown" (dict "drain" (printf "%ds" (int .Values.shutdownSeconds)))
  "metrics" $metrics }}
{{- with .Values.acknowledge.publicUrl }}
{{- $_ := set $config "acknowledge" (dict "public_url" . "listen" (printf "0.0.0.0:%d" (int $.Values.acknowledge.port))) }}
{{- end }}
{{- with .Values.console.publicUrl }}
{{- $_ := set $config "console" (dict "public_url" . "listen" (printf "0.0.0.0:%d" (int $.Values.console.port))) }}
{{- end }}
{{- if and .Values.config.console (not .Values.console.publicUrl) }}
{{- fail "config.console needs console.publicUrl" }}
{{- end }}
{{- mergeOverwrite $config (deepCopy .Values.config) | toYaml }}
{{- end }}

{{- define "falco-bridge.sources" -}}
{{- if .Values.config.sources -}}
[]
{{- else if eq .Values.mode "node" }}
{{- if eq .Values.node.source "grpc" -}}
- grpc: unix:///run/falco/{{ .Values.node.grpc.socket }}
{{- else -}}
- file: {{ .Values.node.containerLogs.path | quote }}
  read_from: {{ .Values.node.containerLogs.readFrom }}
{{- end }}
{{- else }}
{{- with .Values.central.http }}
{{- if .enabled -}}
{{- if not (or .pathKey .allow .clientCertificates) }}{{ fail "central.http needs pathKey, allow or clientCertificates, so that not every pod can post alerts" }}{{ end -}}
- http: 0.0.0.0:{{ int .port }}
  {{- if .pathKey }}
  path: {{ include "falco-bridge.secretFile" (dict "root" $ "key" .pathKey "what" "central.http.pathKey") }}
  {{- end }}
  {{- with .allow }}
  allow: {{ toJson . }}
  {{- end }}
  {{- if .tlsSecret }}
  tls:
    cert: /run/secrets/http-tls/tls.crt
    key: /run/secrets/http-tls/tls.key
    {{- if .clientCertificates }}
    ca: /run/secrets/http-tls/ca.crt
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- with .Values.central.grpc }}
{{- if .discover }}
- discover: {{ .discover }}
  tls:
    ca: /run/secrets/grpc-tls/ca.crt
    cert: /run/secrets/grpc-tls/tls.crt
    key: /run/secrets/grpc-tls/tls.key
{{- end }}
{{- end }}
{{- if not (or .Values.central.http.enabled .Values.central.grpc.discover) }}
{{- fail "no source: set central.http.enabled, central.grpc.discover or config.sources" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "falco-bridge.routes" -}}
- "*.route"
{{- range .Values.teams }}
- files: /etc/falco-bridge-teams/{{ .name }}/*.route
{{ omit . "configMap" | toYaml | indent 2 }}
{{- end }}
{{- end }}

{{/* The URL, with the certificates of `postgresql.tlsSecret`. */}}
{{- define "falco-bridge.databaseUrl" -}}
{{- with .Values.postgresql -}}
{{- .url -}}
{{- if .tlsSecret -}}
{{- ternary "&" "?" (contains "?" .url) -}}sslrootcert=/run/secrets/postgresql-tls/ca.crt
{{- if .clientCertificate -}}&sslcert=/run/secrets/postgresql-tls/tls.crt&sslkey=/run/secrets/postgresql-tls/tls.key{{- end -}}
{{- else if .clientCertificate -}}
{{- fail "postgresql.clientCertificate needs postgresql.tlsSecret" -}}
{{- end -}}
{{- end -}}
{{- end }}
