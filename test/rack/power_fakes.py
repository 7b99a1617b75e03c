"""Small stand-ins for BMCs that speak HTTP(S), for test_power_http.py and test_power_chassis.py alone: each keeps a machine's power and checks what it is
asked, as the protocol it stands for says. docs/operations.md names them."""
import base64
import hashlib
import html
import http.server
import json
import re
import ssl
import subprocess
import threading
import urllib.parse
import xml.etree.ElementTree


class Fake:
    """A server on loopback; subclasses answer in reply(method, path, query, headers, body) -> (status, body, headers)."""
    tls = False

    def __init__(self, folder, **options):
        self.power, self.asked, self.fault = "off", [], None
        self.__dict__.update(options)
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                path, _, query = self.path.partition("?")
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                fake.asked.append((self.command, self.path, body))
                status, reply, headers = fake.fault or fake.reply(
                    self.command, urllib.parse.unquote(path), dict(urllib.parse.parse_qsl(query)), self.headers, body)
                reply = reply if isinstance(reply, bytes) else reply.encode() if isinstance(reply, str) else json.dumps(reply).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(reply)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply)
            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if self.tls:
            self.certificate = certificate(folder, "bmc")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.prepare_tls(context)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def prepare_tls(self, context):
        pass

    def changes(self):
        """What was asked for but looks: a list of (method, path, body)."""
        return [call for call in self.asked if call[0] != "GET" and not call[1].endswith("/access/ticket")]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def certificate(folder, name):
    """Files of a certificate that signed itself, and its key."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    if not crt.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", f"/CN={name}", "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt, key


def basic(headers, user, password):
    return headers.get("Authorization") == "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Redfish(Fake):
    """DMTF DSP0266 as far as power needs it: one ComputerSystem with an ETag that changes at each write."""
    tls = True
    systems, slash, allowed, etag_in_body, conflicts = ["1"], False, ["On", "ForceOff", "ForceRestart"], True, 0
    boot, version = None, 1

    def reply(self, method, path, query, headers, body):
        if not basic(headers, "root", "s3cret:pw"):
            return 401, {"error": {"code": "Base.1.0.InsufficientPrivilege"}}, {}
        if self.slash and not path.endswith("/") and method == "GET":
            return 404, {}, {}
        path = path.rstrip("/")
        if path == "/redfish/v1/Systems":
            return 200, {"Members": [{"@odata.id": f"/redfish/v1/Systems/{name}" + "/" * self.slash} for name in self.systems]}, {}
        match = re.fullmatch(r"/redfish/v1/Systems/([^/]+)(/Actions/ComputerSystem.Reset)?", path)
        if not match or match[1] not in self.systems:
            return 404, {}, {}
        etag = f'W/"{self.version}"'
        if method == "GET":
            system = {"PowerState": self.power.capitalize(), "Actions": {"#ComputerSystem.Reset": {
                "target": f"{path}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": self.allowed}}}
            if self.etag_in_body:
                system["@odata.etag"] = etag
            return 200, system, {"ETag": etag}
        if method == "PATCH":
            if self.conflicts:
                self.conflicts -= 1
                self.version += 1
            if headers.get("If-Match") != f'W/"{self.version}"':
                return 412, {}, {}
            self.version += 1
            self.boot = json.loads(body)["Boot"]
            return 200, {}, {}
        kind = json.loads(body)["ResetType"]
        if kind not in self.allowed or kind == "On" and self.power == "on":
            return 400, {}, {}
        self.power = "off" if kind == "ForceOff" else "on"
        return 204, "", {}


class Proxmox(Fake):
    """The Proxmox VE API as far as power needs it: a ticket or a token, one list of machines, start and stop."""
    tls = True
    others = [{"vmid": 7, "name": "other", "node": "pve2", "type": "lxc", "status": "running"}]

    def reply(self, method, path, query, headers, body):
        if path == "/api2/json/access/ticket":
            if dict(urllib.parse.parse_qsl(body)) != {"username": "root@pam", "password": "s3cret:pw"}:
                return 401, {"data": None}, {}
            return 200, {"data": {"ticket": "PVE:t", "CSRFPreventionToken": "csrf"}}, {}
        by_ticket = headers.get("Cookie") == "PVEAuthCookie=PVE:t" and (method == "GET" or headers.get("CSRFPreventionToken") == "csrf")
        if not by_ticket and headers.get("Authorization") != "PVEAPIToken=root@pam!maas=Geheim17":
            return 401, {"data": None}, {}
        if (method, path, query) == ("GET", "/api2/json/cluster/resources", {"type": "vm"}):
            status = {"on": "running", "off": "stopped"}[self.power]
            return 200, {"data": [*self.others, {"vmid": 100, "name": "vm a", "node": "pve1", "type": "qemu", "status": status}]}, {}
        if (method, path) == ("GET", "/api2/json/nodes/pve1/qemu/100/config"):
            return 200, {"data": {"name": "vm a", "cores": 2, "net0": "virtio=BC:24:11:00:00:01,bridge=vmbr0",
                                  "net1": "e1000=BC:24:11:00:00:02,bridge=vmbr1,tag=7"}}, {}
        if (method, path) == ("GET", "/api2/json/nodes/pve2/lxc/7/config"):
            return 200, {"data": {"hostname": "other", "net0": "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:00:03,type=veth"}}, {}
        match = re.fullmatch("/api2/json/nodes/pve1/qemu/100/status/(start|stop)", path)
        if method != "POST" or not match:
            return 501, {}, {}
        self.power = {"start": "on", "stop": "off"}[match[1]]
        return 200, {"data": "UPID:pve1:0"}, {}


class Lxd(Fake):
    """LXD's REST API as far as power needs it; a client certificate is wanted, and trusted after the password was told."""
    tls, trusted = True, True

    def prepare_tls(self, context):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(self.client)

    def reply(self, method, path, query, headers, body):
        if path == "/1.0":
            return 200, {"metadata": {"auth": "trusted" if self.trusted else "untrusted"}}, {}
        if (method, path) == ("POST", "/1.0/certificates"):
            self.trusted = json.loads(body) == {"type": "client", "password": "Geheim17"}
            return (200 if self.trusted else 403), {}, {}
        if not self.trusted or query != {"project": "p 1"}:
            return 403, {}, {}
        if (method, path) == ("GET", "/1.0/instances/vm1"):
            return 200, {"metadata": {"status_code": {"on": 103, "off": 102}[self.power]}}, {}
        if (method, path) != ("PUT", "/1.0/instances/vm1/state"):
            return 404, {}, {}
        self.power = {"start": "on", "stop": "off"}[json.loads(body)["action"]]
        return 202, {"type": "async"}, {}


class Webhook(Fake):
    words = {"on": "status : running", "off": "status : stopped"}
    auth = None

    def reply(self, method, path, query, headers, body):
        if self.auth and headers.get("Authorization") != self.auth:
            return 401, "", {}
        assert headers.get("System_Id") == "xyz789"
        if method == "POST":
            self.power = path.strip("/")
            return 200, "", {}
        return 200, f'{{"x": 1}}\n{self.words[self.power]}\n', {}

    def parameters(self, **changes):
        base = f"http{'s' * self.tls}://{self.address}"
        return {"power_on_uri": f"{base}/on?token=Geheim17", "power_off_uri": f"{base}/off", "power_query_uri": f"{base}/query?t=Geheim17",
                **changes}


class Dli(Fake):
    """A web power switch of Digital Loggers: outlet 5 is ours, 1 is somebody else's."""
    def changes(self):
        return [call for call in self.asked if "/outlet" in call[1]]

    def reply(self, method, path, query, headers, body):
        if not basic(headers, "root", "s3cret:pw"):
            return 401, "", {"WWW-Authenticate": 'Basic realm="switch"'}
        if path == "/outlet" and list(query) == ["5"]:
            self.power = query["5"].lower()
        return 200, f"<html>\n<!-- state={1 + 16 * (self.power == 'on'):02x} lock=00 -->\n<body></body></html>", {}


class Ocs(Fake):
    """The chassis manager of Microsoft's open cloud server, with one blade."""
    boots = ()

    def changes(self):
        return [call for call in self.asked if "GetBladeState" not in call[1]]

    def reply(self, method, path, query, headers, body):
        if not basic(headers, "root", "s3cret:pw"):
            return 401, "", {"WWW-Authenticate": 'Basic realm="chassis"'}
        if path == "/GetChassisInfo":
            blades = "".join(
                f"<BladeInfo><bladeNumber>{number}</bladeNumber><bladeMacAddress>{''.join(f'<NicInfo><macAddress>{mac}</macAddress></NicInfo>' for mac in macs)}"
                "</bladeMacAddress></BladeInfo>" for number, macs in ((7, ("52:54:00:0C:00:01", "52:54:00:0c:00:02", "Not Applicable")), (8, ())))
            return 200, f"<ChassisInfoResponse><bladeCollections>{blades}</bladeCollections></ChassisInfoResponse>", {}
        if query.pop("bladeid") != "7":
            return 400, "", {}
        assert "json" not in headers["Accept"]
        if path == "/SetNextBoot":
            self.boots = (*self.boots, query)
        elif path in ("/SetBladeOn", "/SetBladeOff"):
            self.power = path[len("/SetBlade"):].lower()
        state = self.power.upper()
        return 200, (f'<BladeStateResponse xmlns="http://schemas.datacontract.org/2004/07/Microsoft.GFS.WCS.Contracts">'
                     f'<bladeNumber>7</bladeNumber><bladeState>{state}</bladeState></BladeStateResponse>'), {"Content-Type": "application/xml"}


class Recs(Fake):
    """The management API of a RECS|Box with one node."""
    sources = ()

    def reply(self, method, path, query, headers, body):
        if not basic(headers, "root", "s3cret:pw"):
            return 401, "", {"WWW-Authenticate": 'Basic realm="recs"'}
        if path == "/REST/node" and method == "GET":
            return 200, ('<nodeList><node id="BB_1_0" architecture="x86" macAddressMgmt="52:54:00:0e:00:01" macAddressCompute="52:54:00:0e:00:02"/>'
                         '<node id="BB_1_1" architecture="arm" macAddressMgmt="" macAddressCompute="52:54:00:0e:00:03"/></nodeList>'), {}
        if path == "/REST/node/BB_1_0" and method == "GET":
            return 200, f'<node id="BB_1_0" state="{1 if self.power == "on" else 0}" architecture="x86"/>', {}
        match = re.fullmatch("/REST/node/BB_1_0/manage/(power_on|power_off|set_bootsource)", path)
        if not match or method != {"set_bootsource": "PUT"}.get(match[1], "POST"):
            return 404, "", {}
        if match[1] == "set_bootsource":
            self.sources = (*self.sources, dict(urllib.parse.parse_qsl(body)))
        else:
            self.power = match[1][len("power_"):]
        return 200, "", {}


class OpenBmc(Fake):
    """OpenBMC's REST server as far as power needs it: a session by cookie, attributes of D-Bus objects."""
    tls, sessions, boot = True, 0, None
    state, control = "/xyz/openbmc_project/state/host0/attr/", "/xyz/openbmc_project/control/host0/boot/one_time/attr/"

    def changes(self):
        return [call for call in self.asked if call[0] == "PUT"]

    def reply(self, method, path, query, headers, body):
        if path == "/login":
            if json.loads(body) != {"data": ["root", "s3cret:pw"]}:
                return 401, {"status": "error"}, {}
            self.sessions += 1
            return 200, {"status": "ok"}, {"Set-Cookie": "XSRF-TOKEN=tick; Path=/; Secure", "Set-cookie": "SESSION=sess; Path=/; HttpOnly"}
        if "SESSION=sess" not in headers.get("Cookie", "") or method != "GET" and headers.get("X-XSRF-TOKEN") != "tick":
            return 401, {"status": "error"}, {}
        if path == "/logout":
            self.sessions -= 1
        elif method == "PUT":
            value = json.loads(body)["data"].rpartition(".")[2]
            if path == self.state + "RequestedHostTransition":
                self.power = value.lower()
            elif path.startswith(self.control):
                self.boot = {**(self.boot or {}), path[len(self.control):]: value}
            else:
                return 404, {}, {}
        elif path == self.state + "CurrentHostState":
            return 200, {"data": "xyz.openbmc_project.State.Host.HostState." + {"on": "Running", "off": "Off"}[self.power]}, {}
        return 200, {"status": "ok"}, {}


class Hmcz(Fake):
    """Web services of an HMC for IBM Z: a classic machine, and one in DPM mode with two partitions."""
    tls, sessions, status = True, 0, None

    def changes(self):
        return [call for call in self.asked if "/operations/" in call[1]]

    def reply(self, method, path, query, headers, body):
        if (method, path) == ("POST", "/api/sessions"):
            if json.loads(body) != {"userid": "root", "password": "s3cret:pw"}:
                return 403, {"reason": 0}, {}
            self.sessions += 1
            return 200, {"api-session": "sess 1"}, {}
        if headers.get("X-API-Session") != "sess 1":
            return 403, {"reason": 5}, {}
        if (method, path) == ("DELETE", "/api/sessions/this-session"):
            self.sessions -= 1
            return 204, "", {}
        if path == "/api/cpcs":
            return 200, {"cpcs": [{"object-uri": "/api/cpcs/a", "name": "A", "dpm-enabled": False},
                                  {"object-uri": "/api/cpcs/b", "name": "B", "dpm-enabled": True}]}, {}
        if path == "/api/cpcs/b/partitions":
            status = self.status or {"on": "active", "off": "stopped"}[self.power]
            name = query.get("name", "part 2")
            return 200, {"partitions": [{"object-uri": "/api/partitions/1", "name": name + "x", "status": "active"}] + [
                {"object-uri": "/api/partitions/2", "name": "part 2", "status": status}] * (name == "part 2")}, {}
        if (method, path) in (("GET", "/api/partitions/1"), ("GET", "/api/partitions/2")):
            return 200, {"nic-uris": [f"{path}/nics/{number}" for number in "ab"[:int(path[-1])]]}, {}
        if method == "GET" and (nic := re.fullmatch("/api/partitions/([12])/nics/([ab])", path)):
            return 200, {"mac-address": f"02:d2:4d:80:0{nic[1]}:0{nic[2]}", "name": "nic " + nic[2]}, {}
        match = re.fullmatch("/api/partitions/2/operations/(start|stop)", path)
        if not match or method != "POST":
            return 404, {}, {}
        if match[1] == "start" and self.status:
            return 409, {"reason": 1}, {}
        self.status, self.power = None, {"start": "on", "stop": "off"}[match[1]]
        return 202, {"job-uri": "/api/jobs/1"}, {}


class SeaMicro(Fake):
    """The REST API of a SM15000, versions 0.9 and 2.0, with server 3; its second name there is 17."""
    def changes(self):
        return [call for call in self.asked if call[0] == "PUT"]

    def reply(self, method, path, query, headers, body):
        if path.startswith("/v0.9/"):
            return 200, self.old(method, path[len("/v0.9/"):], self.asked[-1][1].partition("?")[2].split("&")), {}
        if path != "/v2.0/servers/3/0":
            return 404, {}, {}
        given = query if method == "GET" else json.loads(body)
        if (given.get("username"), given.get("password")) != ("root", "s3cret:pw"):
            return 401, {}, {}
        if method == "PUT":
            self.power = "off" if query == {"action": "power-off", "force": "true"} else "on"
            assert self.power == "off" or (given["action"], given["using-pxe"]) == ("power-on", True)
        return 200, {"id": "3/0", "active": self.power == "on"}, {}

    def old(self, method, path, words):
        if path == "login":
            good = words == ["root", "s3cret%3Apw"]
            return {"error": {"code": "200" if good else "401"}, "result": "tok+en"}
        if path != "logout" and words[-1] != "tok%2Ben":
            return {"error": {"code": "401"}, "result": ""}
        if path == "servers":
            return {"error": {"code": "200"}, "result": {"serverId": {"16": "2/0", "17": "3/0"}}}
        if (method, path) == ("PUT", "servers/17"):
            self.power = {"action=Power-On": "on", "action=Power-Off": "off"}[words[0]]
        return {"error": {"code": "200"}, "result": {}}


class Ucsm(Fake):
    """The XML API of a UCS Manager with one server and its service profile."""
    tls, sessions, profile = True, 0, "org-root/ls-a&b"
    all_of = {"computeItem": '<computeBlade dn="sys/chassis-1/blade-1" uuid="uuid-1" operPower="on"/>'
                             '<computeBlade dn="sys/chassis-1/blade-10" uuid="uuid-10"/><computeRackUnit dn="sys/rack-unit-1" uuid="uuid-3"/>',
              "adaptorHostEthIf": "".join(f'<adaptorHostEthIf dn="sys/{name}/host-eth-1" mac="{mac}"/>' for name, mac in (
                  ("chassis-1/blade-1/adaptor-1", "00:25:B5:00:00:01"), ("rack-unit-1/adaptor-1", "00:25:B5:00:00:03"),
                  ("chassis-1/blade-1/adaptor-2", "00:25:B5:00:00:02"), ("chassis-1/blade-10/adaptor-1", "00:00:00:00:00:00")))}

    def changes(self):
        return [call for call in self.asked if "configConfMo" in call[2]]

    def reply(self, method, path, query, headers, body):
        asked = xml.etree.ElementTree.fromstring(body)
        if (method, path) != ("POST", "/nuova"):
            return 404, "", {}
        if asked.tag == "aaaLogin":
            if (asked.get("inName"), asked.get("inPassword")) != ("root", "s3cret:<pw"):
                return 200, '<aaaLogin response="yes" errorCode="551" errorDescr="Authentication failed"/>', {}
            self.sessions += 1
            return 200, '<aaaLogin response="yes" outCookie="1/&lt;cookie&gt;"/>', {}
        if asked.tag == "aaaLogout":
            self.sessions -= asked.get("inCookie") == "1/<cookie>"
            return 200, '<aaaLogout response="yes" outStatus="success"/>', {}
        if asked.get("cookie") != "1/<cookie>":
            return 200, f'<{asked.tag} response="yes" errorCode="552" errorDescr="Authorization required"/>', {}
        found, wanted = "", asked.find("inFilter/eq")
        if asked.tag == "configResolveClass" and wanted is None:
            found = self.all_of[asked.get("classId")]
        elif asked.tag == "configResolveClass" and wanted.get("value") == "uuid-1":
            found = f'<computeBlade dn="sys/chassis-1/blade-1" operPower="{self.power}" assignedToDn="{html.escape(self.profile)}"/>'
        elif asked.tag == "configResolveChildren" and asked.get("inDn") == self.profile:
            found = f'<lsPower dn="{html.escape(self.profile)}/power" state="admin-up"/>'
        elif asked.tag == "configConfMo":
            change = asked.find("inConfig/lsPower")
            assert change.get("dn") == asked.get("dn") == self.profile + "/power"
            self.power = {"admin-up": "on", "admin-down": "off"}[change.get("state")]
        return 200, f'<{asked.tag} response="yes"><outConfigs>{found}</outConfigs></{asked.tag}>', {}


class VSphere(Fake):
    """The vSphere Web Services API as far as power needs it: two machines in one folder."""
    tls, sessions = True, 0
    vms = {"vm-1": ("other", "uuid-9", "uuid-8"), "vm-2": ("vm <2>", "uuid-1", "uuid-2")}

    def changes(self):
        return [call for call in self.asked if "VM_Task" in call[2]]

    @staticmethod
    def answer(method, body):
        return 200, (f'<?xml version="1.0"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
                     f'<{method}Response xmlns="urn:vim25">{body}</{method}Response></soapenv:Body></soapenv:Envelope>'), {}

    @staticmethod
    def soap_fault(kind, text):
        return 500, (f'<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>'
                     f'<faultcode>ServerFaultCode</faultcode><faultstring>{text}</faultstring><detail><{kind} xmlns="urn:vim25"/>'
                     f'</detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>'), {}

    def reply(self, method, path, query, headers, body):
        v = "{urn:vim25}"
        call = xml.etree.ElementTree.fromstring(body).find("{http://schemas.xmlsoap.org/soap/envelope/}Body")[0]
        name = call.tag[len(v):]
        assert (method, path) == ("POST", "/sdk") and headers["SOAPAction"] and "xml" in headers["Content-Type"]
        if name == "RetrieveServiceContent":
            parts = ("rootFolder", "propertyCollector", "viewManager", "sessionManager", "searchIndex")
            return self.answer(name, "<returnval>" + "".join(f'<{part} type="X">ha-{part}</{part}>' for part in parts) + "</returnval>")
        if name == "Login":
            if (call.findtext(v + "userName"), call.findtext(v + "password")) != ("root", "s3cret:pw"):
                return self.soap_fault("InvalidLoginFault", "Cannot complete login due to an incorrect user name or password.")
            self.sessions += 1
            return *self.answer(name, "<returnval><key>52</key></returnval>")[:2], {"Set-Cookie": 'vmware_soap_session="52"; Path=/'}
        if headers.get("Cookie") != 'vmware_soap_session="52"':
            return self.soap_fault("NotAuthenticatedFault", "The session is not authenticated.")
        return self.with_session(name, call, v)

    def with_session(self, name, call, v):
        this = call.findtext(v + "_this")
        if name == "Logout":
            self.sessions -= 1
            return self.answer(name, "")
        if name == "FindByUuid":
            which = 1 if call.findtext(v + "instanceUuid") == "true" else 2
            found = [vm for vm, ids in self.vms.items() if ids[which] == call.findtext(v + "uuid")]
            return self.answer(name, "".join(f'<returnval type="VirtualMachine">{vm}</returnval>' for vm in found))
        if name == "CreateContainerView":
            assert (this, call.findtext(v + "container")) == ("ha-viewManager", "ha-rootFolder")
            return self.answer(name, '<returnval type="ContainerView">session[52]v1</returnval>')
        if name == "RetrieveProperties":
            wanted = call.findtext(f"{v}specSet/{v}objectSet/{v}obj")
            assert wanted != "session[52]v1" or call.findtext(f"{v}specSet/{v}objectSet/{v}selectSet/{v}path") == "view"
            state = {"on": "poweredOn", "off": "poweredOff"}[self.power]
            return self.answer(name, "".join(
                f'<returnval><obj type="VirtualMachine">{vm}</obj><propSet><name>name</name><val>{html.escape(ids[0])}</val></propSet>'
                f'<propSet><name>config.uuid</name><val>{ids[2]}</val></propSet><propSet><name>config.hardware.device</name><val>'
                f'<VirtualDevice xmlns:xsi="x" xsi:type="VirtualE1000"><key>4000</key><macAddress>52:54:00:0f:00:0{vm[-1]}</macAddress>'
                f'</VirtualDevice></val></propSet>'
                f'<propSet><name>runtime.powerState</name><val>{state if vm == "vm-2" else "poweredOn"}</val></propSet></returnval>'
                for vm, ids in self.vms.items() if wanted in (vm, "session[52]v1")))
        assert this == "vm-2"
        self.power = {"PowerOnVM_Task": "on", "PowerOffVM_Task": "off"}[name]
        return self.answer(name, '<returnval type="Task">task-1</returnval>')


class Amt(Fake):
    """Intel AMT: WS-Management behind Digest authentication; the items of an enumeration come at once, or are pulled."""
    pulls, boots, value = False, (), 0
    cim = "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"

    def changes(self):
        return [call for call in self.asked if "_INPUT" in call[2]]

    def is_known(self, method, headers):
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', headers.get("Authorization", "")))
        if given.get("nonce") != "n1":
            return False
        def md5(*words):
            return hashlib.md5(":".join(words).encode()).hexdigest()
        secret = md5("admin", "Digest:AMT", self.password)
        return given["response"] == md5(secret, "n1", given["nc"], given["cnonce"], "auth", md5(method, "/wsman"))

    password = "s3cret:pw"

    def answer(self, body):
        return 200, ('<?xml version="1.0" encoding="UTF-8"?><a:Envelope xmlns:a="http://www.w3.org/2003/05/soap-envelope"><a:Header/>'
                     f'<a:Body>{body}</a:Body></a:Envelope>'), {}

    def reply(self, method, path, query, headers, body):
        if not self.is_known(method, headers):
            return 401, "", {"WWW-Authenticate": 'Digest realm="Digest:AMT", nonce="n1", qop="auth", algorithm=MD5'}
        envelope = xml.etree.ElementTree.fromstring(body)
        s, a = "{http://www.w3.org/2003/05/soap-envelope}", "{http://schemas.xmlsoap.org/ws/2004/08/addressing}"
        action = envelope.findtext(f"{s}Header/{a}Action").rpartition("/")[2]
        call = envelope.find(f"{s}Body")[0]
        if action in ("Enumerate", "Pull"):
            state = f'<h:X xmlns:h="{self.cim}CIM_AssociatedPowerManagementService"><h:PowerState>{2 if self.power == "on" else 8}</h:PowerState></h:X>'
            if action == "Enumerate" and self.pulls:
                return self.answer("<e:EnumerationContext xmlns:e='urn:e'>c&amp;1</e:EnumerationContext>")
            assert action == "Enumerate" or call[0].text == "c&1"
            return self.answer(f"<w:Items xmlns:w='urn:w'>{state}</w:Items>")
        texts = [each.text for each in call.iter() if each.text]
        if action == "RequestPowerStateChange":
            self.power = {"2": "on", "8": "off", "10": "on"}[texts[0]]
        else:
            self.boots = (*self.boots, (action, texts[-1]))
        return self.answer(f"<g:{action}_OUTPUT xmlns:g='urn:g'><g:ReturnValue>{self.value}</g:ReturnValue></g:{action}_OUTPUT>")
