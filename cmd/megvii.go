package cmd

import (
	"errors"
	"strings"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider/megvii"
)

func megviiConfig(cfg *config.Config) megvii.Config {
	m := cfg.Megvii
	return megvii.Config{
		BaseURL: m.BaseURL, APIKey: m.APIKey, APISecret: m.APISecret, PreviousSecret: m.PreviousSecret, SceneID: m.SceneID,
		ProcedureType: m.ProcedureType, ProcedurePriority: m.ProcedurePriority, LivenessPreferences: m.LivenessPreferences,
		FMPMode: m.FMPMode, ThresholdKey: m.ThresholdKey, AllowLowThreshold: m.AllowLowThreshold,
		ReturnMethod: m.ReturnMethod, WebTitle: m.WebTitle, Timeout: m.Timeout, LookAfter: m.LookAfter,
	}
}

// asMegviiSettings says YANZHEN_MEGVII_… where the vendor's package names its
// fields.
func asMegviiSettings(err error) error {
	if err == nil {
		return nil
	}
	var errs []error
	for line := range strings.SplitSeq(err.Error(), "\n") {
		errs = append(errs, errors.New(megviiSettings.Replace(strings.TrimPrefix(line, "megvii: "))))
	}
	return errors.Join(errs...)
}

var megviiSettings = strings.NewReplacer(
	"BaseURL", "YANZHEN_MEGVII_BASE_URL", "APIKey", "YANZHEN_MEGVII_API_KEY", "APISecret", "YANZHEN_MEGVII_API_SECRET",
	"PreviousSecret", "YANZHEN_MEGVII_PREVIOUS_SECRET", "SceneID", "YANZHEN_MEGVII_SCENE_ID",
	"ProcedureType", "YANZHEN_MEGVII_PROCEDURE_TYPE", "ProcedurePriority", "YANZHEN_MEGVII_PROCEDURE_PRIORITY",
	"LivenessPreferences", "YANZHEN_MEGVII_LIVENESS_PREFERENCES", "FMPMode", "YANZHEN_MEGVII_FMP_MODE",
	"AllowLowThreshold", "YANZHEN_MEGVII_ALLOW_LOW_THRESHOLD", "ThresholdKey", "YANZHEN_MEGVII_THRESHOLD_KEY",
	"ReturnMethod", "YANZHEN_MEGVII_RETURN_METHOD", "WebTitle", "YANZHEN_MEGVII_WEB_TITLE",
	"Timeout", "YANZHEN_MEGVII_TIMEOUT", "LookAfter", "YANZHEN_MEGVII_LOOK_AFTER",
)

// switches are the configured ones; those that an operator throws are in the
// store.
func switches(cfg *config.Config) map[string]store.SwitchState {
	out := map[string]store.SwitchState{}
	for name, state := range cfg.Switches.ByProvider() {
		out[name] = store.SwitchState(state)
	}
	return out
}
