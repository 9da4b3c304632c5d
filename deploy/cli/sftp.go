package cli

import (
	"os"

	"github.com/causeway-sync/causeway/pkg/exportfile"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// SFTP are the flags of the connection to Campaign's export files.
type SFTP struct {
	Addr    string `name:"sftp-addr" help:"Address of the SFTP server with Campaign's opt-out export files, such as acme.campaign.adobe.com:22; for Opt In/Out." env:"CAUSEWAY_SFTP_ADDR"`
	User    string `name:"sftp-user" help:"User there." env:"CAUSEWAY_SFTP_USER"`
	KeyFile string `name:"sftp-key-file" help:"File with the user's private key, without a passphrase." env:"CAUSEWAY_SFTP_KEY_FILE"`
	HostKey string `name:"sftp-host-key" help:"Key that the server must prove to hold, such as \"ssh-ed25519 AAAA...\"." env:"CAUSEWAY_SFTP_HOST_KEY"`
	Folder  string `name:"sftp-folder" help:"Folder of the files; below the user's home unless it begins with a slash." default:"d365_loads/exports" env:"CAUSEWAY_SFTP_FOLDER"`
}

// Config are the flags as the client wants them; empty where no address is given.
func (s SFTP) Config() (exportfile.Config, error) {
	if s.Addr == "" {
		return exportfile.Config{}, nil
	}
	cfg := exportfile.Config{Addr: s.Addr, User: s.User, HostKey: s.HostKey, Folder: s.Folder}
	if s.KeyFile == "" {
		return cfg, fault.New(fault.Fatal, "the SFTP server has an address and no private key: give its file with --sftp-key-file or CAUSEWAY_SFTP_KEY_FILE")
	}
	var err error
	if cfg.Key, err = os.ReadFile(s.KeyFile); err != nil {
		return cfg, fault.Wrap(fault.Fatal, err, "the private key of the SFTP user cannot be read from "+s.KeyFile)
	}
	return cfg, nil
}
