{{/* The pod: of the StatefulSet, of the Deployment and of the DaemonSet. */}}
{{- define "falco-bridge.pod" -}}
{{- $uid := include "falco-bridge.uid" . | int }}
{{- $isNode := eq .Values.mode "node" }}
{{- $readsLogs := and $isNode (eq .Values.node.source "containerLogs") }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
serviceAccountName: {{ include "falco-bridge.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ add (int .Values.shutdownSeconds) 15 }}
securityContext:
  runAsNonRoot: {{ ne $uid 0 }}
  runAsUser: {{ $uid }}
  runAsGroup: {{ $uid }}
  fsGroup: 65532                        # reads the secrets
  fsGroupChangePolicy: OnRootMismatch
  {{- if and $readsLogs (ne $uid 0) }}
  supplementalGroups: [0]               # container logs are root's, mode 0640
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
  {{- if $isNode }}
  {{- with .Values.node.seLinuxOptions }}
  seLinuxOptions: {{ toJson . }}
  {{- end }}
  {{- end }}
{{- if and $isNode (ne $uid 0) }}
initContainers:
  - name: own-journal                   # the kubelet creates the node's folder for root
    image: {{ include "falco-bridge.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command:
      - /bin/sh
      - -ec
      - '[ "$(stat -c %u "$0")" = "$1" ] || { chmod 0700 "$0"; chown -R "$1:$1" "$0"; }'
      - /var/lib/falco-bridge
      - {{ $uid | quote }}
    resources:
      requests: {cpu: 10m, memory: 16Mi}
      limits: {memory: 64Mi}
    securityContext:
      runAsNonRoot: false
      runAsUser: 0
      runAsGroup: 0
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL], add: [CHOWN]}
    volumeMounts:
      - {name: journal, mountPath: /var/lib/falco-bridge}
{{- end }}
containers:
  - name: falco-bridge
    image: {{ include "falco-bridge.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args: [--config, /etc/falco-bridge/falco-bridge.yaml]
    {{- with .Values.extraEnv }}
    env:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      {{- if and (not $isNode) .Values.central.http.enabled }}
      - {name: alerts, containerPort: {{ int .Values.central.http.port }}}
      {{- end }}
      - {name: metrics, containerPort: {{ int .Values.metrics.port }}}
      {{- if .Values.acknowledge.publicUrl }}
      - {name: acknowledge, containerPort: {{ int .Values.acknowledge.port }}}
      {{- end }}
      {{- if .Values.console.publicUrl }}
      - {name: console, containerPort: {{ int .Values.console.port }}}
      {{- end }}
    startupProbe:
      httpGet: {path: /healthz, port: metrics}
      {{- toYaml .Values.probes.startup | nindent 6 }}
    readinessProbe:
      httpGet: {path: /readyz, port: metrics}
      {{- toYaml .Values.probes.readiness | nindent 6 }}
    livenessProbe:
      httpGet: {path: /healthz, port: metrics}
      {{- toYaml .Values.probes.liveness | nindent 6 }}
    resources:
      {{- toYaml .Values.resources | nindent 6 }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: config, mountPath: /etc/falco-bridge, readOnly: true}
      - {name: journal, mountPath: /var/lib/falco-bridge}
      - {name: run, mountPath: /run/falco-bridge}
      - {name: tmp, mountPath: /tmp}
      {{- if .Values.secret }}
      - {name: secrets, mountPath: /run/secrets/falco-bridge, readOnly: true}
      {{- end }}
      {{- range .Values.teams }}
      - {name: team-{{ .name }}, mountPath: /etc/falco-bridge-teams/{{ .name }}, readOnly: true}
      {{- end }}
      {{- if and .Values.postgresql.url .Values.postgresql.secret }}
      - {name: postgresql, mountPath: /run/secrets/postgresql, readOnly: true}
      {{- end }}
      {{- if and .Values.postgresql.url .Values.postgresql.tlsSecret }}
      - {name: postgresql-tls, mountPath: /run/secrets/postgresql-tls, readOnly: true}
      {{- end }}
      {{- include "falco-bridge.sourceMounts" . | nindent 6 }}
      {{- with .Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "falco-bridge.fullname" . }}}
  - name: run
    emptyDir: {medium: Memory, sizeLimit: 1Mi}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- if .Values.secret }}
  - name: secrets
    secret: {secretName: {{ .Values.secret }}, defaultMode: 0440}
  {{- end }}
  {{- range .Values.teams }}
  - name: team-{{ .name }}
    configMap: {name: {{ .configMap }}}
  {{- end }}
  {{- if .Values.postgresql.url }}
  {{- with .Values.postgresql.secret }}
  - name: postgresql
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- with .Values.postgresql.tlsSecret }}
  - name: postgresql-tls
    secret: {secretName: {{ . }}, defaultMode: 0440}
  {{- end }}
  {{- end }}
  {{- include "falco-bridge.sourceVolumes" . | nindent 2 }}
  {{- include "falco-bridge.journalVolume" . | nindent 2 }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.affinity }}
affinity:
  {{- toYaml .Values.affinity | nindent 2 }}
{{- else if and (not $isNode) (gt (int .Values.central.replicas) 1) }}
affinity:
  podAntiAffinity:                      # the loss of a node is the loss of one bridge
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "falco-bridge.selectorLabels" . | nindent 14 }}
{{- end }}
{{- with ternary .Values.node.tolerations .Values.tolerations $isNode }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "falco-bridge.sourceMounts" -}}
{{- if eq .Values.mode "central" }}
{{- if .Values.central.http.tlsSecret }}
- {name: http-tls, mountPath: /run/secrets/http-tls, readOnly: true}
{{- end }}
{{- if .Values.central.grpc.discover }}
- {name: grpc-tls, mountPath: /run/secrets/grpc-tls, readOnly: true}
{{- end }}
{{- else if eq .Values.node.source "grpc" }}
- {name: falco, mountPath: /run/falco, readOnly: true}
{{- else }}
{{- range $number, $path := .Values.node.containerLogs.hostPaths }}
- {name: logs-{{ $number }}, mountPath: {{ $path }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{- define "falco-bridge.sourceVolumes" -}}
{{- if eq .Values.mode "central" }}
{{- with .Values.central.http.tlsSecret }}
- name: http-tls
  secret: {secretName: {{ . }}, defaultMode: 0440}
{{- end }}
{{- if .Values.central.grpc.discover }}
- name: grpc-tls
  secret: {secretName: {{ required "central.grpc.discover needs central.grpc.tlsSecret" .Values.central.grpc.tlsSecret }}, defaultMode: 0440}
{{- end }}
{{- else if eq .Values.node.source "grpc" }}
- name: falco
  hostPath: {path: {{ .Values.node.grpc.hostPath }}, type: DirectoryOrCreate}   # Falco may start later
{{- else }}
{{- range $number, $path := .Values.node.containerLogs.hostPaths }}
- name: logs-{{ $number }}
  hostPath: {path: {{ $path }}, type: Directory}
{{- end }}
{{- end }}
{{- end }}

{{/* The StatefulSet's own claim is a template of it, not a volume of the pod. */}}
{{- define "falco-bridge.journalVolume" -}}
{{- if eq .Values.mode "node" }}
- name: journal
  hostPath: {path: {{ .Values.node.hostPath }}, type: DirectoryOrCreate}
{{- else if or .Values.postgresql.url (not .Values.central.persistence.enabled) }}
- name: journal
  emptyDir: {}
{{- else if .Values.central.persistence.existingClaim }}
- name: journal
  persistentVolumeClaim: {claimName: {{ .Values.central.persistence.existingClaim }}}
{{- end }}
{{- end }}
