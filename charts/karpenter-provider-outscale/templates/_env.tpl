{{- /* Core reads the flags of the controller from these variables as well; see cmd/controller/config.go for the rest. */}}
{{- define "karpenter.env" -}}
- name: CLUSTER_NAME
  value: {{ .Values.settings.clusterName | quote }}
- name: OSC_CLUSTER_ID
  value: {{ .Values.settings.clusterID | quote }}
- name: OSC_REGION
  value: {{ .Values.settings.region | quote }}
- name: PRICES_CONFIGMAP
  value: {{ printf "%s/%s-prices" .Release.Namespace (include "karpenter.fullname" .) | quote }}
- name: ENDS_CONFIGMAP
  value: {{ printf "%s/%s-ends" .Release.Namespace (include "karpenter.fullname" .) | quote }}
{{- with .Values.settings.endpoint }}
- name: OSC_ENDPOINT_API
  value: {{ . | quote }}
{{- end }}
- name: OSC_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.credentials.secretName }}
      key: {{ .Values.credentials.accessKey }}
- name: OSC_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.credentials.secretName }}
      key: {{ .Values.credentials.secretKey }}
{{- with .Values.settings.oapi }}
- name: OAPI_RATE_LIMIT
  value: {{ .rateLimit | quote }}
- name: OAPI_RETRY_COUNT
  value: {{ .retryCount | int | quote }}
- name: OAPI_RETRY_WAIT_MIN
  value: {{ .retryWaitMin | quote }}
- name: OAPI_RETRY_WAIT_MAX
  value: {{ .retryWaitMax | quote }}
{{- end }}
{{- if .Values.settings.dryRun }}
- name: DRY_RUN
  value: "true"
{{- end }}
- name: TAGS_IN_USER_DATA
  value: {{ .Values.settings.tagsInUserData | quote }}
{{- if .Values.settings.instanceTypes }}
- name: INSTANCE_TYPES_FILE
  value: /etc/karpenter/instance-types.yaml
{{- end }}
- name: BATCH_MAX_DURATION
  value: {{ .Values.settings.batchMaxDuration | quote }}
- name: BATCH_IDLE_DURATION
  value: {{ .Values.settings.batchIdleDuration | quote }}
- name: PREFERENCE_POLICY
  value: {{ .Values.settings.preferencePolicy }}
- name: MIN_VALUES_POLICY
  value: {{ .Values.settings.minValuesPolicy }}
{{- with include "karpenter.featureGates" . }}
- name: FEATURE_GATES
  value: {{ . }}
{{- end }}
{{- with .Values.settings.repair }}
- name: REPAIR_SILENT_AFTER
  value: {{ .silentAfter | quote }}
- name: REPAIR_NOT_READY_AFTER
  value: {{ .notReadyAfter | quote }}
{{- end }}
{{- if .Values.settings.legacyNodeRepair }}
- name: LEGACY_NODE_REPAIR
  value: "true"
{{- end }}
{{- with include "karpenter.schedulerConfig" . }}
- name: SCHEDULER_CONFIG
  value: {{ . | quote }}
{{- end }}
- name: KUBE_CLIENT_QPS
  value: {{ .Values.settings.kubeClientQPS | int | quote }}
- name: KUBE_CLIENT_BURST
  value: {{ .Values.settings.kubeClientBurst | int | quote }}
- name: LOG_LEVEL
  value: {{ .Values.logLevel }}
- name: METRICS_PORT
  value: {{ .Values.metrics.port | int | quote }}
- name: HEALTH_PROBE_PORT
  value: {{ .Values.healthProbe.port | int | quote }}
- name: LEADER_ELECTION_NAME
  value: karpenter-leader-election
- name: LEADER_ELECTION_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: MEMORY_LIMIT
  valueFrom:
    resourceFieldRef:
      containerName: controller
      divisor: "0"
      resource: limits.memory
- name: CPU_REQUESTS
  valueFrom:
    resourceFieldRef:
      containerName: controller
      divisor: 1m
      resource: requests.cpu
{{- end }}

{{- /* The names of the values are those of the gates, with a small first letter. */}}
{{- define "karpenter.featureGates" -}}
{{- $settings := .Values.settings }}
{{- if $settings.featureGates.terminateFirstRepair }}
{{- if not $settings.featureGates.nodeRepair }}
{{- fail "settings.featureGates.terminateFirstRepair needs settings.featureGates.nodeRepair" }}
{{- end }}
{{- if $settings.legacyNodeRepair }}
{{- fail "settings.featureGates.terminateFirstRepair has no effect with settings.legacyNodeRepair" }}
{{- end }}
{{- end }}
{{- $gates := list }}
{{- range $name, $on := $settings.featureGates }}
{{- $gates = append $gates (printf "%s=%t" (title $name) $on) }}
{{- end }}
{{- join "," $gates }}
{{- end }}

{{- /* YAML, for which the controller has a strict parser. Nothing without a value. */}}
{{- define "karpenter.schedulerConfig" -}}
{{- with .Values.settings.schedulerConfig }}
{{- if kindIs "string" . }}
{{- $parsed := fromYaml . }}
{{- with $parsed.Error }}
{{- fail (printf "settings.schedulerConfig is no YAML: %s" .) }}
{{- end }}
{{- . | trim }}
{{- else }}
{{- toYaml . }}
{{- end }}
{{- end }}
{{- end }}
