package natsapi

import (
	"context"

	"github.com/causeway-sync/causeway/services/admin/backend"
)

func (a *microAPI) tables(ctx context.Context, _ string, _ []byte) (any, error) {
	tables, err := a.service.Tables(ctx)
	return backend.TableList{Tables: tables}, err
}

func (a *microAPI) table(ctx context.Context, name string, _ []byte) (any, error) {
	return a.service.Table(ctx, name)
}

func (a *microAPI) resources(ctx context.Context, _ string, _ []byte) (any, error) {
	resources, err := a.service.Resources(ctx)
	return backend.ResourceList{Resources: resources}, err
}

func (a *microAPI) resource(ctx context.Context, name string, _ []byte) (any, error) {
	return a.service.Resource(ctx, name)
}
