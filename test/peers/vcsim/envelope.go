package main

import (
	"bytes"
	"net/http"
	"reflect"

	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

const (
	head = xml.Header + `<soapenv:Envelope xmlns:soapenc="http://schemas.xmlsoap.org/soap/encoding/" ` +
		`xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>`
	tail = `</soapenv:Body></soapenv:Envelope>`
)

// methodOf reads a SOAP request's method: the first element of its body.
func methodOf(envelope []byte) string {
	decoder := xml.NewDecoder(bytes.NewReader(envelope))
	inBody := false
	for {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		if start, ok := token.(xml.StartElement); ok {
			if inBody {
				return start.Name.Local
			}
			inBody = start.Name.Local == "Body"
		}
	}
}

// answer writes a method's response, e.g. a *types.CloneVM_TaskResponse.
func answer(w http.ResponseWriter, response interface{}) {
	var out bytes.Buffer
	out.WriteString(head)
	name := reflect.TypeOf(response).Elem().Name()
	start := xml.StartElement{Name: xml.Name{Space: "urn:vim25", Local: name}}
	if err := xml.NewEncoder(&out).EncodeElement(response, start); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out.WriteString(tail)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	_, _ = w.Write(out.Bytes())
}

// refuse writes a SOAP fault.
func refuse(w http.ResponseWriter, fault types.BaseMethodFault, message string) {
	if message == "" {
		message = wordsOf(fault)
	}
	name := reflect.TypeOf(fault).Elem().Name()
	var out bytes.Buffer
	out.WriteString(head + `<soapenv:Fault><faultcode>ServerFaultCode</faultcode><faultstring>`)
	_ = xml.EscapeText(&out, []byte(message))
	out.WriteString(`</faultstring><detail>`)
	start := xml.StartElement{
		Name: xml.Name{Local: name + "Fault"},
		Attr: []xml.Attr{
			{Name: xml.Name{Local: "xmlns"}, Value: "urn:vim25"},
			{Name: xml.Name{Local: "xsi:type"}, Value: name},
		},
	}
	if err := xml.NewEncoder(&out).EncodeElement(fault, start); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	out.WriteString(`</detail></soapenv:Fault>` + tail)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	_, _ = w.Write(out.Bytes())
}
