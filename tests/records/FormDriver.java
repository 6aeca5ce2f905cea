import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import org.javarosa.core.model.data.DateData;
import org.javarosa.core.model.data.DateTimeData;
import org.javarosa.core.model.data.IAnswerData;
import org.javarosa.core.model.instance.TreeElement;
import org.javarosa.core.model.utils.DateUtils;
import org.javarosa.form.api.FormEntryController;
import org.javarosa.test.Scenario;

/**
 * Fill in a form as ODK Collect does, with its own engine (JavaRosa, in the jar of ODK Validate).
 * Lines in: "set PATH VALUE", "time PATH MOMENT", "day PATH DATE", "get PATH", "shown PATH", "new" (an empty submission).
 * One line out for each: what came of it.
 */
public class FormDriver {
    public static void main(String[] words) throws Exception {
        Scenario form = Scenario.init(new File(words[0]));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ", 3);
            String said = "";
            if (parts[0].equals("new")) {
                form = Scenario.init(new File(words[0]));
            } else if (parts[0].equals("set")) {
                said = isNumber(parts[2])
                    ? form.answer(parts[1], Integer.parseInt(parts[2])).toString()
                    : form.answer(parts[1], parts[2]).toString();
            } else if (parts[0].equals("time")) {
                said = answer(form, parts[1], new DateTimeData(DateUtils.parseDateTime(parts[2])));
            } else if (parts[0].equals("day")) {
                said = answer(form, parts[1], new DateData(DateUtils.parseDate(parts[2])));
            } else if (parts[0].equals("get")) {
                IAnswerData value = form.answerOf(parts[1]);
                said = value == null ? "" : value.uncast().getString();
            } else {
                TreeElement node = form.getAnswerNode(parts[1]);
                said = String.valueOf(node.isRelevant());
            }
            System.out.println("= " + said);
        }
    }

    private static String answer(Scenario form, String path, IAnswerData value) {
        FormEntryController controller = form.getFormEntryController();
        return Scenario.AnswerResult.from(
            controller.answerQuestion(form.indexOf(path), value, true)).toString();
    }

    private static boolean isNumber(String text) {
        return text.matches("-?\\d+");
    }
}
