from __future__ import annotations

from django import forms
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User

from pins.models import Board, Comment, Pin


class SignInForm(AuthenticationForm):
    username = forms.CharField(
        label="Name", widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"})
    )


class SignUpForm(forms.ModelForm):
    password = forms.CharField(
        label="Password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    class Meta:
        model = User
        fields = ("username",)
        labels = {"username": "Name"}
        help_texts = {"username": ""}
        widgets = {"username": forms.TextInput(attrs={"autofocus": True, "autocomplete": "username"})}

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if name in {".", ".."}:
            raise forms.ValidationError("Choose another name: addresses give this one a meaning of its own.")
        return name

    def save(self, commit: bool = True) -> User:
        user = super().save(commit=False)
        user.set_password(self.cleaned_data["password"])
        if commit:
            user.save()
        return user


class PinForm(forms.ModelForm):
    class Meta:
        model = Pin
        fields = ("what", "board")
        labels = {"what": "What", "board": "Board"}

    board = forms.ModelChoiceField(Board.objects, label="Board", empty_label=None)


class CommentForm(forms.ModelForm):
    class Meta:
        model = Comment
        fields = ("text",)
        labels = {"text": "Comment"}
        widgets = {"text": forms.TextInput(attrs={"autocomplete": "off"})}
