package sandbox_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// The stand-ins for a test: a vendor is called as its own documents say, and
// the ledger shows what it would have charged.
func ExampleStart() {
	vendors, err := sandbox.Start(sandbox.DefaultConfig())
	if err != nil {
		panic(err)
	}
	defer vendors.Close()

	// AceData's check of name, number and validity dates, about somebody whom
	// the records know.
	r, err := http.NewRequest(http.MethodPost, vendors.URL+"/acedata/identity/idcard/check-2e", strings.NewReader(
		`{"name":"测试甲","id_card":"110199199003070017","validity_begin":"20200115","validity_end":"20400115"}`))
	if err != nil {
		panic(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+sandbox.DefaultAceDataToken)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	fmt.Println(res.Status)
	fmt.Println("calls:", vendors.Ledger().Count(sandbox.Query{Vendor: sandbox.AceData}))
	fmt.Println("charged:", vendors.Ledger().Charged(sandbox.Query{Vendor: sandbox.AceData}))
	// Output:
	// 200 OK
	// calls: 1
	// charged: 1
}

// A person whose records do not agree, and a vendor that is down for one call.
func ExamplePlayer() {
	vendors, err := sandbox.Start(sandbox.DefaultConfig())
	if err != nil {
		panic(err)
	}
	defer vendors.Close()

	ctx, player := context.Background(), sandbox.NewPlayer(vendors.URL)
	err = player.AddPerson(ctx, sandbox.Person{Name: "样例甲", IDNumber: "310199198507120017",
		ValidFrom: "20200115", ValidTo: "20400115", AceDataOutcome: "-1"})
	fmt.Println(err)
	err = player.AddFault(ctx, sandbox.Fault{Vendor: sandbox.Tencent, Kind: sandbox.FaultHTML502, Times: 1})
	fmt.Println(err, len(vendors.Faults()))
	// Output:
	// <nil>
	// <nil> 1
}
