package cmd

import (
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/provider/acedata"
	"github.com/yanzhen-id/yanzhen/provider/megvii"
	"github.com/yanzhen-id/yanzhen/provider/sinoconnect"
	"github.com/yanzhen-id/yanzhen/provider/tencent"
	"github.com/yanzhen-id/yanzhen/provider/tencentiai"
	"github.com/yanzhen-id/yanzhen/provider/tencentrecords"
	"github.com/yanzhen-id/yanzhen/sandbox"
)

// vendors is the list of all vendors. A new one is its package and a line here.
var vendors = []provider.Vendor{
	tencent.Vendor(),
	tencentiai.Vendor(),
	acedata.Vendor(),
	tencentrecords.Vendor(),
	sinoconnect.Vendor(),
	megvii.Vendor(),
}

// load reads the settings of an environment, those of every vendor included.
func load(environ []string, needs config.Needs) (*config.Config, error) {
	needs.StandIns = sandbox.Settings("", "")
	return config.Load(environ, vendors, needs)
}

// switches are the configured ones; those that an operator throws are in the
// store.
func switches(cfg *config.Config) map[string]store.SwitchState {
	out := map[string]store.SwitchState{}
	for name, state := range cfg.Switches() {
		out[name] = store.SwitchState(state)
	}
	return out
}
