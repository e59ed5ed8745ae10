package cmd

import (
	"time"

	"github.com/yanzhen-id/yanzhen/activities"
)

// eraser is what the workers erase with.
func (p *parts) eraser() *activities.Eraser {
	return &activities.Eraser{
		Store: p.store, Engine: p.temporal, Deleter: p.temporal.WorkflowService(), Namespace: p.namespace, Vendors: p.vendors, Keys: p.keys,
		Issuer: p.cfg.PublicURL, BackupsKept: p.cfg.BackupsKept, Now: time.Now, Log: p.log,
	}
}
