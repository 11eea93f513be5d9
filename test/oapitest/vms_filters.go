package oapitest

import (
	"slices"
	"strings"

	osc "github.com/outscale/osc-sdk-go/v2"
)

func vmFilters() filters[osc.Vm] {
	return filters[osc.Vm]{
		own: map[string]func(osc.Vm, []string) bool{
			"VmStateCodes": func(v osc.Vm, codes []string) bool { return slices.Contains(codes, stateCode(v.GetState())) },
			"Lifecycles":   func(_ osc.Vm, _ []string) bool { return false },
			"NicSubregionNames": func(v osc.Vm, names []string) bool {
				return len(v.GetNics()) > 0 && slices.Contains(names, v.Placement.GetSubregionName())
			},
			"NicLinkNicVmIds": func(v osc.Vm, ids []string) bool {
				return len(v.GetNics()) > 0 && slices.Contains(ids, v.GetVmId())
			},
			"Platforms":        func(_ osc.Vm, _ []string) bool { return false },
			"StateReasonCodes": func(_ osc.Vm, _ []string) bool { return false },
		},
		paths: tagPaths(map[string]string{
			"Architectures": "Architecture", "BootModes": "BootMode", "ClientTokens": "ClientToken",
			"BlockDeviceMappingDeleteOnVmDeletion": "BlockDeviceMappings.Bsu.DeleteOnVmDeletion",
			"BlockDeviceMappingDeviceNames":        "BlockDeviceMappings.DeviceName",
			"BlockDeviceMappingLinkDates":          "BlockDeviceMappings.Bsu.LinkDate",
			"BlockDeviceMappingStates":             "BlockDeviceMappings.Bsu.State",
			"BlockDeviceMappingVolumeIds":          "BlockDeviceMappings.Bsu.VolumeId",
			"CreationDates":                        "CreationDate", "ImageIds": "ImageId", "IsSourceDestChecked": "IsSourceDestChecked",
			"KeypairNames": "KeypairName", "LaunchNumbers": "LaunchNumber", "NetIds": "NetId",
			"NicAccountIds": "Nics.AccountId", "NicDescriptions": "Nics.Description",
			"NicIsSourceDestChecked":       "Nics.IsSourceDestChecked",
			"NicLinkNicDeleteOnVmDeletion": "Nics.LinkNic.DeleteOnVmDeletion",
			"NicLinkNicDeviceNumbers":      "Nics.LinkNic.DeviceNumber",
			"NicLinkNicLinkNicIds":         "Nics.LinkNic.LinkNicId",
			"NicLinkNicStates":             "Nics.LinkNic.State",
			"NicLinkNicVmAccountIds":       "Nics.AccountId",
			"NicLinkPublicIpAccountIds":    "Nics.LinkPublicIp.PublicIpAccountId",
			"NicLinkPublicIpPublicIps":     "Nics.LinkPublicIp.PublicIp",
			"NicMacAddresses":              "Nics.MacAddress", "NicNetIds": "Nics.NetId", "NicNicIds": "Nics.NicId",
			"NicPrivateIpsPrimaryIp":  "Nics.PrivateIps.IsPrimary",
			"NicPrivateIpsPrivateIps": "Nics.PrivateIps.PrivateIp",
			"NicSecurityGroupIds":     "Nics.SecurityGroups.SecurityGroupId",
			"NicSecurityGroupNames":   "Nics.SecurityGroups.SecurityGroupName",
			"NicStates":               "Nics.State", "NicSubnetIds": "Nics.SubnetId", "PrivateIps": "PrivateIp",
			"ProductCodes": "ProductCodes", "PublicIps": "PublicIp", "ReservationIds": "ReservationId",
			"RootDeviceNames": "RootDeviceName", "RootDeviceTypes": "RootDeviceType",
			"SecurityGroupIds": "SecurityGroups.SecurityGroupId", "SecurityGroupNames": "SecurityGroups.SecurityGroupName",
			"StateReasonMessages": "StateReason", "StateReasons": "StateReason", "SubnetIds": "SubnetId",
			"SubregionNames": "Placement.SubregionName", "Tenancies": "Placement.Tenancy", "TpmEnabled": "TpmEnabled",
			"VmIds": "VmId", "VmSecurityGroupIds": "SecurityGroups.SecurityGroupId",
			"VmSecurityGroupNames": "SecurityGroups.SecurityGroupName", "VmStateNames": "State", "VmTypes": "VmType",
		}),
	}
}

func stateCode(state string) string {
	switch state {
	case statePending:
		return "0"
	case stateRunning:
		return "16"
	case stateShuttingDown:
		return "32"
	case stateTerminated:
		return "48"
	case stateStopping:
		return "64"
	case stateStopped:
		return "80"
	}
	return "-1"
}

func vmStateFilters() filters[osc.VmStates] {
	return filters[osc.VmStates]{paths: map[string]string{
		"VmIds": "VmId", "VmStates": "VmState", "SubregionNames": "SubregionName",
		"MaintenanceEventCodes": "MaintenanceEvents.Code", "MaintenanceEventDescriptions": "MaintenanceEvents.Description",
		"MaintenanceEventsNotAfter": "MaintenanceEvents.NotAfter", "MaintenanceEventsNotBefore": "MaintenanceEvents.NotBefore",
	}}
}

func stopHistoryFilters() filters[osc.VmsStopHistory] {
	return filters[osc.VmsStopHistory]{
		paths: map[string]string{"VmIds": "VmId"},
		own: map[string]func(osc.VmsStopHistory, []string) bool{
			"StateReasons": func(s osc.VmsStopHistory, values []string) bool {
				return slices.ContainsFunc(values, func(v string) bool {
					prefix, wild := strings.CutSuffix(v, "*")
					return v == s.GetStateReason() || wild && strings.HasPrefix(s.GetStateReason(), prefix)
				})
			},
			"StopDateAfter":  func(s osc.VmsStopHistory, v []string) bool { return s.GetStopDate() >= v[0] },
			"StopDateBefore": func(s osc.VmsStopHistory, v []string) bool { return s.GetStopDate() <= v[0] },
		},
	}
}
