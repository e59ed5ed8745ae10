package sandbox

import (
	"crypto/x509"
	"encoding/pem"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	vectorBlobAES = "J0ugbQHZOFXI8Gnyug2lyN4lCvxoMd5/7Ad47jRbaVE4akjrk5GWEc/5FHmY9OvjhDFfp5cmSzqE+R7IrRRqsabddHwYN+XA2dQnPmHwXdZMZAXvTt8OabHzfM7fzBPxtm6DaCOQeQjQXHqPrUmIGMUle2cF2/JLoQBQDepcK9A="
	vectorBlobSM4 = "BGeImqqW3yRwctwfBOwcZ15FPXY0//0VYvskvQyVA0qBvyAc6I8T4tgla1zG/Bl9nT84rKgUMyBzuNkdHjrE4j52PfrauUkyHVl8DQsoohieLjMdtJMLbvKya1zgd5s3QBgLzroWtLqp7VpAc3a+oGo="
)

// sealedVector is one request of the vendor's contract as it is sent.
func sealedVector(which string) (name, number string, e map[string]any) {
	list := []string{"Name", "IdCard"}
	switch which {
	case "A":
		return "+218iIGg+jrZlAj/GL0kBA==", "d7/JnuTsfx7/nwz47QVc870Pf2Zjsb1TfJiYOScOz04=",
			map[string]any{"EncryptList": list, "CiphertextBlob": vectorBlobAES, "Iv": "AAECAwQFBgcICQoLDA0ODw=="}
	case "A'":
		return "Yl8XLU1n8tj1P+ul2X9u9g==", "kuFCMlJkwZ5JeEdOj15zDPtm0QYWoYO86tVD1n/G9DU=",
			map[string]any{"EncryptList": list, "CiphertextBlob": vectorBlobAES, "Iv": "0123456789abcdef", "Algorithm": "AES-256-CBC"}
	}
	return "5/Va3/eycMVd", "MHHhBmEepmjW+BvMLJT4+Fic",
		map[string]any{"EncryptList": list, "CiphertextBlob": vectorBlobSM4, "Iv": "AAECAwQFBgcICQoL", "Algorithm": "SM4-GCM",
			"TagList": []string{"ZNYbw0K/KQQrFyBYAJh5jQ==", "fCpSokbSVr5jMb7GpHiEhQ=="}}
}

// The stand-in opens what the vendor's contract gives as examples, with the
// private halves of the keys under which they were sealed.
func TestTheStandInOpensTheContractsSealedRequests(t *testing.T) {
	for _, vector := range []string{"A", "A'", "B"} {
		w := start(t, func(c *Config) {
			c.Tencent.SealedOnly = true
			if vector == "A'" {
				c.Tencent.SealedIV = SealedIVText
			}
		})
		name, number, told := sealedVector(vector)
		token, _ := w.eidToken(map[string]any{"Name": name, "IdCard": number, "Encryption": told})
		require.Equal(t, []string{token}, w.Tokens("110199199003070017"), vector)
		sealed := map[string]any{"Name": name, "IdCard": number, "ValidityBegin": "20200115", "ValidityEnd": "20400115", "Encryption": told}
		require.Equal(t, "0", w.tencent("CheckIdNameDate", sealed).text("Result"), vector)
		require.Equal(t, 1, w.Ledger().Charged(Query{Operation: "CheckIdNameDate", Flag: FlagSealed, Subject: SubjectKey("110199199003070017")}), vector)
		require.Equal(t, 1, w.Ledger().Count(Query{Operation: "GetEidToken", Flag: FlagSealed, Subject: SubjectKey("110199199003070017")}), vector)
	}
}

func TestTheStandInRefusesWhatItCannotOpen(t *testing.T) {
	const unsealed, unopened = "InvalidParameter.UnsupportEncryptField", "FailedOperation.DecryptSystemError"
	for _, one := range []struct {
		name string
		only bool
		with func(body, told map[string]any)
		want string
	}{
		{"plain", true, func(b, _ map[string]any) {
			b["Name"], b["IdCard"] = "测试甲", "110199199003070017"
			delete(b, "Encryption")
		}, unsealed},
		{"one of two", true, func(b, told map[string]any) {
			b["Name"], told["EncryptList"], told["TagList"] = "测试甲", []string{"IdCard"}, told["TagList"].([]string)[1:]
		}, unsealed},
		{"one of two, where plain is taken", false, func(b, told map[string]any) {
			b["Name"], told["EncryptList"], told["TagList"] = "测试甲", []string{"IdCard"}, told["TagList"].([]string)[1:]
		}, ""},
		{"a listed field is missing", false, func(b, _ map[string]any) { delete(b, "Name") }, unsealed},
		{"a field that may not be sealed", false, func(_, told map[string]any) { told["EncryptList"] = []string{"Extra"} }, unsealed},
		{"tags in the wrong order", true, func(_, told map[string]any) {
			told["TagList"] = []string{told["TagList"].([]string)[1], told["TagList"].([]string)[0]}
		}, unopened},
		{"no tags", true, func(_, told map[string]any) { delete(told, "TagList") }, unopened},
		{"another key", true, func(_, told map[string]any) { told["CiphertextBlob"] = vectorBlobAES }, unopened},
		{"another algorithm", true, func(_, told map[string]any) { told["Algorithm"] = "AES-256-GCM" }, unopened},
		{"another IV", true, func(_, told map[string]any) { told["Iv"] = "AAECAwQFBgcICQoM" }, unopened},
		{"not base64", true, func(b, _ map[string]any) { b["Name"] = "测试甲" }, unopened},
	} {
		w := start(t, func(c *Config) { c.Tencent.SealedOnly = one.only })
		name, number, told := sealedVector("B")
		body := map[string]any{"MerchantId": DefaultMerchantID, "Name": name, "IdCard": number, "Encryption": told, "Config": map[string]any{"InputType": "4"}}
		one.with(body, told)
		require.Equal(t, one.want, w.tencent("GetEidToken", body).errorCode(), one.name)
	}
	// The IV's other form.
	w := start(t, nil)
	name, number, told := sealedVector("A'")
	require.Equal(t, unopened, w.tencent("GetEidToken", map[string]any{"MerchantId": DefaultMerchantID, "Name": name, "IdCard": number, "Encryption": told}).errorCode())
}

func TestThePublishedEncryptionKeyHas1024Bits(t *testing.T) {
	block, rest := pem.Decode(EncryptionKey())
	require.Empty(t, rest)
	require.Equal(t, "RSA PUBLIC KEY", block.Type)
	key, err := x509.ParsePKCS1PublicKey(block.Bytes)
	require.NoError(t, err)
	require.Equal(t, 1024, key.N.BitLen())
}
